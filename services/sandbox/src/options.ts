import { z } from 'zod';

const host = z
  .string()
  .regex(/^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/, 'the sandbox listens on loopback only')
  .describe('loopback address');
const port = z.int().min(0).max(65_535).describe('port; 0 takes a free one');

/** What the sandbox needs to know; `main.ts` reads it from the JSON file that is its argument. */
export const sandboxOptionsSchema = z.strictObject({
  dns: z
    .strictObject({
      host,
      port,
      zonesFile: z.string().min(1).describe('JSON of zones; read again when it changes'),
    })
    .describe('DNS server, UDP and TCP'),
  sinks: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(64).describe('its name in what it reports'),
        host,
        port,
        folder: z.string().min(1).describe('where messages go, made if absent'),
        tls: z
          .strictObject({
            certificateFile: z.string().min(1).describe('PEM chain'),
            keyFile: z.string().min(1).describe('PEM private key'),
          })
          .optional()
          .describe('offers STARTTLS'),
      }),
    )
    .max(32)
    .default([])
    .describe('SMTP servers that take every message'),
});

type SandboxOptions = z.infer<typeof sandboxOptionsSchema>;
export type SinkOptions = SandboxOptions['sinks'][number];

const name = z.string().min(1).max(253).describe('owner name, without trailing dot');
const ttl = z.int().min(0).max(86_400).default(60).describe('seconds');
const u8 = z.int().min(0).max(255);
const u16 = z.int().min(0).max(65_535);
const hex = z.string().regex(/^([0-9a-fA-F]{2})*$/);
const association = {
  name,
  ttl,
  usage: u8,
  selector: u8,
  matchingType: u8,
  association: hex.describe('hexadecimal'),
};

const recordSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('A'), name, ttl, address: z.ipv4() }),
  z.strictObject({ type: z.literal('AAAA'), name, ttl, address: z.ipv6() }),
  z.strictObject({ type: z.literal('CNAME'), name, ttl, target: z.string() }),
  z.strictObject({ type: z.literal('MX'), name, ttl, preference: u16, exchange: z.string() }),
  z.strictObject({
    type: z.literal('SRV'),
    name,
    ttl,
    priority: u16,
    weight: u16,
    port: u16,
    target: z.string(),
  }),
  z.strictObject({ type: z.literal('TXT'), name, ttl, text: z.string().max(4_000) }),
  z.strictObject({ type: z.literal('TLSA'), ...association }),
  z.strictObject({ type: z.literal('SMIMEA'), ...association }),
  z.strictObject({
    type: z.literal('CERT'),
    name,
    ttl,
    certType: u16,
    keyTag: u16,
    algorithm: u8,
    certificate: z.base64(),
  }),
]);

const zoneSchema = z.strictObject({
  name,
  secure: z.boolean().default(false).describe('answers bear AD, as from a validating resolver'),
  records: z.array(recordSchema).max(10_000).default([]),
});

/** The zones file. */
export const zonesFileSchema = z.strictObject({
  zones: z.array(zoneSchema).max(1_000).default([]),
  servfail: z.array(name).default([]).describe('names that are answered SERVFAIL, and all below'),
  silent: z.array(name).default([]).describe('names that get no answer, and all below'),
});

export type SandboxRecord = z.infer<typeof recordSchema>;
export type SandboxZone = z.infer<typeof zoneSchema>;
export type SandboxZones = z.infer<typeof zonesFileSchema>;
