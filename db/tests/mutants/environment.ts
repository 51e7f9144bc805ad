/** After the first failure no more tests are run, whatever file they are in: a mutant has to be caught once. */
import { TestEnvironment } from 'jest-environment-node';

// All files of a process have this module in common. (With --bail, jest would end without a word about what failed.)
let failed = false;

export default class FailFast extends TestEnvironment {
  handleTestEvent({ name, test }: { name: string; test?: { mode?: string | null } }): void {
    if (name === 'test_fn_failure' || name === 'hook_failure') failed = true;
    if (name === 'test_start' && failed && test) test.mode = 'skip';
  }
}
