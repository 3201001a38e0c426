import { queueEntrySchema, queueStateSchema } from '@sallyport/ipc';
import { z } from 'zod';
import type { OrderDone, QueueDesk } from '../desk/queue.ts';
import { given, idParams } from './event-schemas.ts';
import type { Problem } from './problem.ts';
import { type ApiAnswer, type ApiRoute, type Given, route } from './route.ts';

const partner = z.string().max(320).optional();
const recipient = z.string().min(1).max(320).optional();

/** What both lists are asked by, and a page of them. */
const listQuery = {
  partner,
  recipient,
  limit: z.coerce.number().int().min(1).max(500).default(100),
  after: queueEntrySchema.shape.id.optional(),
};

const viewSchema = z.strictObject({
  items: z.array(queueEntrySchema),
  /** There are more: ask for what comes after the cursor. */
  more: z.boolean(),
  /** Cursor of the next page; null at the end. */
  after: z.string().nullable(),
  /** Parts that do not answer: what they have is missing. */
  away: z.array(z.enum(['outward', 'egress'])),
});
const done = z.strictObject({ done: z.literal(true) });

type Listed = Awaited<ReturnType<QueueDesk['waiting']>>;

function viewAnswer(view: Listed): ApiAnswer<Given<z.infer<typeof viewSchema>>> {
  if (view.kind === 'unknown-partner') {
    const errors = [{ pointer: 'partner', detail: 'The policy in force has no such partner.' }];
    return { kind: 'problem', problem: { id: 'invalid-fields', errors } };
  }
  const { entries, after, away } = view;
  return { kind: 'ok', value: { items: entries, more: after !== null, after, away } };
}

/** Why an order was not done, or a message not shown. */
function problemOf(answer: Exclude<OrderDone, { kind: 'done' }>): Problem {
  switch (answer.kind) {
    case 'refused':
      return { id: 'refused', detail: answer.sentence };
    case 'unknown-id':
      return { id: 'not-found' };
    case 'away':
      return { id: 'part-unavailable', detail: `No answer from: ${answer.parts.join(', ')}.` };
  }
}

function orderAnswer(answer: OrderDone): ApiAnswer<z.infer<typeof done>> {
  return answer.kind === 'done'
    ? { kind: 'ok', value: { done: true } }
    : { kind: 'problem', problem: problemOf(answer) };
}

const dropBody = z.strictObject({
  /** Whether the author is told that it was not delivered. */
  notify: z.boolean(),
});

/** Messages that are held, and what is done with them. */
const holdRoutes: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/hold',
    permission: 'hold.read',
    summary: 'Held messages, oldest first.',
    query: z.strictObject(listQuery),
    result: viewSchema,
    handle: async ({ desk, query: { limit, after, ...filter } }) =>
      viewAnswer(await desk.queue.held(given(filter), { limit, ...given({ after }) })),
  }),
  route({
    method: 'GET',
    path: '/hold/:id',
    permission: 'hold.read',
    summary: 'Why one message is held and who may release it; that it was looked at is recorded.',
    params: idParams,
    result: queueEntrySchema,
    handle: async ({ desk, actor, params }) => {
      const shown = await desk.queue.viewHeld(actor, params.id);
      return shown.kind === 'entry'
        ? { kind: 'ok', value: shown.entry }
        : { kind: 'problem', problem: problemOf(shown) };
    },
  }),
  route({
    method: 'POST',
    path: '/hold/:id/release',
    permission: 'hold.release',
    summary: 'Releases a held message: outward it is decided anew under the present policy.',
    params: idParams,
    result: done,
    handle: async ({ desk, actor, params }) =>
      orderAnswer(await desk.queue.release(actor, params.id)),
  }),
  route({
    method: 'POST',
    path: '/hold/:id/drop',
    permission: 'hold.release',
    summary: 'Removes a held message for good.',
    params: idParams,
    body: dropBody,
    result: done,
    handle: async ({ desk, actor, params: { id }, body: { notify } }) =>
      orderAnswer(await desk.queue.dropHeld(actor, { id, notify })),
  }),
];

const stopParams = z.strictObject({ domain: z.string().min(1).max(255) });

function stopRoute(verb: 'pause' | 'resume', summary: string): ApiRoute {
  return route({
    method: 'POST',
    path: `/destinations/:domain/${verb}`,
    permission: 'queue.change',
    summary,
    params: stopParams,
    result: done,
    handle: async ({ desk, actor, params: { domain } }) => {
      const answer = await desk.queue.stop(actor, { verb, domain });
      if (answer.kind === 'done') return orderAnswer(answer);
      const errors = [{ pointer: 'domain', detail: 'This is no domain name.' }];
      return { kind: 'problem', problem: { id: 'invalid-fields', errors } };
    },
  });
}

/** What waits, and what is done about it. */
export const queueRoutes: readonly ApiRoute[] = [
  ...holdRoutes,
  route({
    method: 'GET',
    path: '/queue',
    permission: 'queue.read',
    summary: 'What waits or is worked on, oldest first; nothing that is held.',
    query: z.strictObject({
      ...listQuery,
      state: queueStateSchema.exclude(['held']).optional(),
    }),
    result: viewSchema,
    handle: async ({ desk, query: { limit, after, ...filter } }) =>
      viewAnswer(await desk.queue.waiting(given(filter), { limit, ...given({ after }) })),
  }),
  route({
    method: 'GET',
    path: '/queue/:id',
    permission: 'queue.read',
    summary: 'One message that waits.',
    params: idParams,
    result: queueEntrySchema,
    handle: async ({ desk, params }) => {
      const shown = await desk.queue.show(params.id);
      return shown.kind === 'entry'
        ? { kind: 'ok', value: shown.entry }
        : { kind: 'problem', problem: problemOf(shown) };
    },
  }),
  route({
    method: 'POST',
    path: '/queue/:id/retry',
    permission: 'queue.change',
    summary: 'Tries a message that waits again now.',
    params: idParams,
    result: done,
    handle: async ({ desk, actor, params }) =>
      orderAnswer(await desk.queue.retry(actor, params.id)),
  }),
  route({
    method: 'POST',
    path: '/queue/:id/drop',
    permission: 'queue.change',
    summary: 'Removes a message that waits for good.',
    params: idParams,
    body: dropBody,
    result: done,
    handle: async ({ desk, actor, params: { id }, body: { notify } }) =>
      orderAnswer(await desk.queue.drop(actor, { id, notify })),
  }),
  stopRoute('pause', 'Stops the way to a domain: its mail waits.'),
  stopRoute('resume', 'Lets mail to a domain go on.'),
];
