/** Optional: groups the waiting calls that book one movement, and executes frequent documents without a plan. */
import type { MoreContext } from '../graphql/context.ts';
import { createHotPlugin, type LearnRead } from './hot.ts';
import { FlowsPlugin } from './plugin.ts';
import { Poster } from './poster.ts';

export { answerHot } from './hot.ts';

/** These must be the last plugins: they answer some requests in place of the plan. */
export function flowsPlugins(learnRead?: LearnRead): readonly GraphileConfig.Plugin[] {
  return [FlowsPlugin, createHotPlugin(learnRead)];
}

/** Adds `postFlow` to the context of a request. Without `grouping` each call is sent alone. */
export function createPosting(grouping: boolean): MoreContext {
  return (posting) => {
    const poster = new Poster({ posting, grouping });
    return (identity, settings) => ({
      postFlow: (flow, input) => poster.post(flow, input, { ...identity, settings }),
    });
  };
}
