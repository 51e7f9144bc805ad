/** After the first failure no more tests are run, whatever file they are in: a mutant has to be caught once. */
import { TestEnvironment } from 'jest-environment-node';

// All files of a process have this module in common. (With --bail, jest would end without a word about what failed.)
let failed = false;
// Of a failed hook jest itself makes failures of the tests that it was for, unless they are skipped.
let hookFailed = false;

export default class FailFast extends TestEnvironment {
  handleTestEvent({ name, test }: { name: string; test?: { mode?: string | null } }): void {
    if (name === 'hook_failure') hookFailed = true;
    if (name === 'test_fn_failure' || (name === 'run_finish' && hookFailed)) failed = true;
    if (name === 'test_start' && failed && test) test.mode = 'skip';
  }
}
