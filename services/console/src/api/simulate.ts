import { adviseProtocol, MAX_SIMULATED_BYTES } from '@sallyport/ipc';
import { z } from 'zod';
import { type ApiRoute, route } from './route.ts';

const MAX_CHARS = Math.ceil(MAX_SIMULATED_BYTES / 3) * 4;

/** What would happen to a message; nothing is sent. */
export const simulateRoutes: readonly ApiRoute[] = [
  route({
    method: 'POST',
    path: '/simulate',
    permission: 'simulate',
    summary: 'Says what would happen to a message and why, by the policy in force or by a version.',
    body: z.strictObject({
      from: z.string().max(320),
      to: z.string().min(1).max(320),
      /** The message in base64. */
      message: z.base64().max(MAX_CHARS).optional(),
      version: z.int().min(1).max(999_999).optional(),
    }),
    result: z.strictObject({
      ...adviseProtocol.simulate.result.shape,
      version: z.int(),
      transport: z.strictObject({
        rule: z.string(),
        level: z.string(),
        route: z.string().nullable(),
        decides: z.enum(['policy', 'route', 'both']),
      }),
    }),
    handle: async ({ desk, body: { from, to, message, version } }) => {
      const done = await desk.simulation.simulate({
        from,
        to,
        message: message === undefined ? null : Buffer.from(message, 'base64'),
        version: version ?? null,
      });
      if (done.kind === 'refused') {
        return { kind: 'problem', problem: { id: 'refused', detail: done.sentence } };
      }
      const { answer, transport } = done;
      return { kind: 'ok', value: { ...answer, version: done.version, transport } };
    },
  }),
];
