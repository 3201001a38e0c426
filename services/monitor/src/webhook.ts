import { postJson } from '@sallyport/transport';
import type { AlertChannel } from './message.ts';
import type { AlertOptions } from './options.ts';

type WebhookOptions = NonNullable<AlertOptions['webhook']>;

/** Posts alerts as JSON over HTTPS. Only an answer 2xx says that they are there. */
export function webhook(options: WebhookOptions): AlertChannel {
  return {
    name: 'webhook',
    send: async (message) => {
      const status = await postJson(options, { text: JSON.stringify({ version: 1, ...message }) });
      if (status < 200 || status > 299) throw new Error(`the webhook answered ${status}`);
    },
  };
}
