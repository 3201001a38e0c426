import { z } from 'zod';
import { type ApiRoute, route } from './route.ts';

const text = z.string();
const query = z.strictObject({
  /** The first domain of the gateway if left out. */
  domain: z.string().min(1).max(255).optional(),
});

const lineSchema = z.object({
  name: text,
  type: text,
  data: text,
  purpose: text,
  /** The key that is planned to take over, for which the line is there. */
  plannedKeyId: text.nullable(),
});

/** Routes about DNS. */
export const dnsRoutes: readonly ApiRoute[] = [
  route({
    method: 'GET',
    path: '/dns',
    permission: 'dns.read',
    summary: 'What a domain is to publish.',
    query,
    result: z.object({
      domain: text,
      domains: z.array(text),
      lines: z.array(lineSchema),
      files: z.array(z.object({ url: text, text })),
    }),
    handle: async ({ desk, query: { domain = null } }) => {
      const zone = await desk.dns.zone(domain);
      if (zone.kind === 'refused') {
        return { kind: 'problem', problem: { id: 'not-found', detail: zone.sentence } };
      }
      const { domains, lines, files } = zone;
      const value = { domain: zone.domain, domains: [...domains], lines: [...lines] };
      return { kind: 'ok', value: { ...value, files: [...files] } };
    },
  }),
  route({
    method: 'GET',
    path: '/dns/check',
    permission: 'dns.read',
    summary: 'What the world sees of it, asked at this moment.',
    query,
    result: z.object({
      checks: z.array(
        z.object({
          name: text,
          type: text,
          status: text,
          expected: text.nullable(),
          seen: text.nullable(),
          dnssec: text,
        }),
      ),
      /** Lines that are too long, or too many, to be asked for here. */
      unchecked: z.array(z.object({ name: text, type: text })),
    }),
    handle: async ({ desk, query: { domain = null } }) => {
      const zone = await desk.dns.zone(domain);
      if (zone.kind === 'refused') {
        return { kind: 'problem', problem: { id: 'not-found', detail: zone.sentence } };
      }
      const check = await desk.dns.check(zone.lines);
      if (check.kind === 'unanswered') {
        return { kind: 'problem', problem: { id: 'part-unavailable' } };
      }
      return { kind: 'ok', value: { checks: check.checks, unchecked: check.unchecked } };
    },
  }),
];
