/** Calls that book one movement: those that wait go together, and usual documents need no plan. */
import type { MoreContext } from '../graphql/context.ts';
import { createHotPlugin, type LearnRead } from './hot.ts';
import { FlowsPlugin } from './plugin.ts';
import { Poster } from './poster.ts';

export { answerHot } from './hot.ts';

/** After all others that look at a request: some are answered in place of a plan. `learnRead` finds out which queries need none. */
export function flowsPlugins(learnRead?: LearnRead): readonly GraphileConfig.Plugin[] {
  return [FlowsPlugin, createHotPlugin(learnRead)];
}

/** What the plugins need in the context of a request. Without `grouping` each call is sent alone. */
export function createPosting(grouping: boolean): MoreContext {
  return (posting) => {
    const poster = new Poster({ posting, grouping });
    return (identity, settings) => ({
      postFlow: (flow, input) => poster.post(flow, input, { ...identity, settings }),
    });
  };
}
