/** Shows the progress on stderr: one line that changes on a terminal, otherwise one line each. */
import { clearLine, cursorTo } from 'node:readline';
import type { WriteStream } from 'node:tty';

export interface Progress {
  show: (text: string) => void;
  clear: () => void;
}

export function createProgress(stream: WriteStream): Progress {
  const clear = (): void => {
    if (!stream.isTTY) return;
    cursorTo(stream, 0);
    clearLine(stream, 0);
  };
  return {
    show: (text) => {
      clear();
      stream.write(stream.isTTY ? text.slice(0, stream.columns - 1) : `${text}\n`);
    },
    clear,
  };
}
