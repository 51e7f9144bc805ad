/** `npm run console`: for a service in production, which builds nothing itself. */
import { command } from '../command.ts';
import { buildConsole } from './console.ts';

const HELP = `npm run console

Builds the console's files, in console/dist, where they are not those of the sources. npm start does so in development; production serves what is there.`;

await command({ help: HELP }, async () => {
  await buildConsole();
  return 0;
});
