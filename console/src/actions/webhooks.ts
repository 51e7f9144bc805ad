/** What an operator does about webhooks that do not arrive. These need no key: who repeats them finds it done. */
import { call } from '../data/api.ts';
import { graphql } from '../data/graphql.ts';
import { readEndpoints, type Endpoint, type Parked } from '../data/webhooks.ts';
import { kindInWords } from '../data/words.ts';
import type { Action } from './action.ts';

const Release = graphql(`
  mutation WebhookRelease($input: WebhookDeliveryReleaseInput!) {
    done: webhookDeliveryRelease(input: $input) {
      released
    }
  }
`);

const Drop = graphql(`
  mutation WebhookDrop($input: WebhookDeliveryDropInput!) {
    done: webhookDeliveryDrop(input: $input) {
      delivery {
        id
      }
    }
  }
`);

const Pause = graphql(`
  mutation WebhookPause($input: WebhookEndpointPauseInput!) {
    done: webhookEndpointPause(input: $input) {
      endpoint {
        name
      }
    }
  }
`);

const Resume = graphql(`
  mutation WebhookResume($input: WebhookEndpointResumeInput!) {
    done: webhookEndpointResume(input: $input) {
      endpoint {
        name
      }
    }
  }
`);

const plain = { isKeyed: false, asset: undefined, fields: [] } as const;

const now = async (name: string): Promise<Endpoint | undefined> =>
  (await readEndpoints()).find((endpoint) => endpoint.name === name);

async function isParked(name: string, id: string): Promise<boolean> {
  return (await now(name))?.deliveries.nodes.some((webhook) => webhook.id === id) ?? false;
}

export function releaseWebhook(endpoint: string, { id, kind }: Parked): Action {
  return {
    ...plain,
    name: 'release_webhook',
    title: 'Send the webhook again',
    button: 'Send again',
    sentence: () =>
      `The webhook of a movement (${kindInWords(kind)}) goes to ${endpoint} again, for another day; the later ones of its wallet follow.`,
    send: async () => {
      await call(Release, { input: { endpoint, id } });
      return { text: 'It is sent again.' };
    },
    check: async () => ((await isParked(endpoint, id)) ? undefined : { text: 'It is no longer parked.' }),
  };
}

export function dropWebhook(endpoint: string, { id, kind }: Parked): Action {
  return {
    ...plain,
    name: 'drop_webhook',
    title: 'Drop the webhook',
    button: 'Drop it',
    isGrave: true,
    sentence: () =>
      `${endpoint} never learns of this movement (${kindInWords(kind)}) by a webhook; the later ones of its wallet go on.`,
    send: async () => {
      await call(Drop, { input: { endpoint, id } });
      return { text: 'It was dropped.' };
    },
    check: async () => ((await isParked(endpoint, id)) ? undefined : { text: 'It is no longer parked.' }),
  };
}

export function pauseEndpoint({ name }: Endpoint): Action {
  const done = { text: `Nothing is sent to ${name}.` };
  return {
    ...plain,
    name: 'pause_webhooks',
    title: `Pause ${name}`,
    button: 'Pause',
    isGrave: true,
    sentence: () => `Nothing is sent to ${name} until it is resumed; what is booked meanwhile is sent then.`,
    send: async () => {
      await call(Pause, { input: { endpoint: name } });
      return done;
    },
    check: async () => ((await now(name))?.state === 'paused' ? done : undefined),
  };
}

export function resumeEndpoint({ name }: Endpoint): Action {
  const done = { text: `Webhooks go to ${name} again.` };
  return {
    ...plain,
    name: 'resume_webhooks',
    title: `Resume ${name}`,
    button: 'Resume',
    sentence: () => `What was booked meanwhile is sent to ${name} now, in order.`,
    send: async () => {
      await call(Resume, { input: { endpoint: name } });
      return done;
    },
    check: async () => ((await now(name))?.state === 'active' ? done : undefined),
  };
}
