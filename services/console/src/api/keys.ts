import {
  dkimSelectorSchema,
  keyAlgorithmSchema,
  keyClassSchema,
  keyIdSchema,
  MAX_CERTIFICATE_PEM_CHARS,
} from '@sallyport/ipc';
import { z } from 'zod';
import { rolloverOf } from '../desk/key-life.ts';
import type { StepAnswer } from '../desk/keys.ts';
import { orRefused } from '../desk/refused.ts';
import { type ApiAnswer, type ApiRoute, route } from './route.ts';

const time = z.iso.datetime();
const text = z.string();

const keySchema = z.object({
  keyId: text,
  class: keyClassSchema,
  domain: text,
  state: text,
  algorithm: keyAlgorithmSchema,
  certificate: z
    .object({
      subject: text,
      issuer: text,
      serial: text,
      fingerprint: text,
      notBefore: time,
      notAfter: time,
      /** DER in base64. */
      der: text,
    })
    .nullable(),
  isRevoked: z.boolean(),
  dkimSelector: text.nullable(),
  token: text.nullable(),
  createdAt: time.nullable(),
  activateAt: time.nullable(),
  activatedAt: time.nullable(),
  retiredAt: time.nullable(),
  destroyedAt: time.nullable(),
  quarantined: text.nullable(),
});

const stepSchema = z.object({
  keyId: text,
  state: text,
  activateAt: time.nullable(),
  former: z.array(z.object({ keyId: text, state: text })),
});
type Step = z.infer<typeof stepSchema>;

const lineSchema = z.object({ name: text, type: text, data: text, purpose: text });
const params = z.strictObject({ keyId: keyIdSchema });
const pem = z.string().min(1).max(MAX_CERTIFICATE_PEM_CHARS);

function stepped(answer: StepAnswer): ApiAnswer<Step> {
  if (answer.kind === 'done') return { kind: 'ok', value: answer.step };
  return { kind: 'problem', problem: { id: 'refused', detail: answer.sentence } };
}

/** An order to one key that takes nothing but its name. */
function order(path: 'activate' | 'retire' | 'cancel', summary: string): ApiRoute {
  return route({
    method: 'POST',
    path: `/keys/:keyId/${path}`,
    permission: 'key.change',
    summary,
    params,
    result: stepSchema,
    handle: async ({ desk, actor, params: { keyId } }) =>
      stepped(await desk.keys[path](actor, keyId)),
  });
}

/** Routes about keys. */
export const keyRoutes: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/keys',
    permission: 'key.read',
    summary: 'Every key, with all that is public of it.',
    result: z.object({
      keys: z.array(keySchema),
      unreadable: z.array(z.object({ keyId: text, reason: text })),
    }),
    handle: async ({ desk }) => {
      const { keys, unreadable } = await desk.keys.list();
      return { kind: 'ok', value: { keys: [...keys], unreadable: [...unreadable] } };
    },
  }),
  route({
    method: 'GET',
    path: '/keys/:keyId',
    permission: 'key.read',
    summary: 'One key, and where it stands on its way into use.',
    params,
    result: keySchema.extend({ steps: z.array(z.object({ step: text, state: text })) }),
    handle: async ({ desk, params: { keyId } }) => {
      const { keys } = await desk.keys.list();
      const key = keys.find((one) => one.keyId === keyId);
      if (key === undefined) return { kind: 'problem', problem: { id: 'not-found' } };
      const steps = [...(rolloverOf(key, keys)?.steps ?? [])];
      return { kind: 'ok', value: { ...key, steps } };
    },
  }),
  route({
    method: 'POST',
    path: '/keys',
    permission: 'key.change',
    summary: 'Makes a key pair; nothing changes for mail until it is activated.',
    body: z.strictObject({
      domain: z.string().min(1).max(255),
      class: keyClassSchema,
      algorithm: keyAlgorithmSchema,
      selector: dkimSelectorSchema.exactOptional(),
    }),
    result: stepSchema,
    handle: async ({ desk, actor, body }) => {
      const answer = stepped(await desk.keys.generate(actor, body));
      if (answer.kind !== 'ok') return answer;
      const { value } = answer;
      return { kind: 'created', value, location: `/keys/${value.keyId}` };
    },
  }),
  route({
    method: 'POST',
    path: '/keys/:keyId/request',
    permission: 'key.change',
    summary: 'A signed request for the certificate of a key (RFC 2986), in PEM.',
    params,
    result: z.object({ pem: text }),
    handle: async ({ desk, actor, params: { keyId } }) => {
      const answer = await desk.keys.request(actor, keyId);
      if (answer.kind === 'request') return { kind: 'ok', value: { pem: answer.pem } };
      return { kind: 'problem', problem: { id: 'refused', detail: answer.sentence } };
    },
  }),
  route({
    method: 'POST',
    path: '/keys/:keyId/certificate',
    permission: 'key.change',
    summary: 'Takes the certificate of a key in, once name, key, strength and path are in order.',
    params,
    body: z.strictObject({ pem, anchors: pem.exactOptional() }),
    result: stepSchema,
    handle: async ({ desk, actor, params: { keyId }, body }) =>
      stepped(await desk.keys.takeCertificate(actor, { keyId, ...body })),
  }),
  route({
    method: 'GET',
    path: '/keys/:keyId/lines',
    permission: 'key.read',
    summary: 'The zone lines that a key adds.',
    params,
    result: z.object({ lines: z.array(lineSchema) }),
    handle: async ({ desk, params: { keyId } }) => {
      if ((await desk.keys.find(keyId)) === null) {
        return { kind: 'problem', problem: { id: 'not-found' } };
      }
      const found = await orRefused(async () => ({
        kind: 'lines' as const,
        lines: await desk.keys.lines(keyId),
      }));
      if (found.kind === 'lines') return { kind: 'ok', value: { lines: found.lines } };
      return { kind: 'problem', problem: { id: 'refused', detail: found.sentence } };
    },
  }),
  route({
    method: 'POST',
    path: '/keys/:keyId/schedule',
    permission: 'key.change',
    summary: 'Plans when a key takes over.',
    params,
    body: z.strictObject({ at: time }),
    result: stepSchema,
    handle: async ({ desk, actor, params: { keyId }, body }) =>
      stepped(await desk.keys.schedule(actor, keyId, new Date(body.at))),
  }),
  order('cancel', 'Takes the plan of a take-over back.'),
  order('activate', 'Puts a key in use at once; the former one goes out of use.'),
  order('retire', 'Takes a key out of use; the last one of its class stays.'),
];
