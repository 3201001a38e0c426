import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Certificate,
  parseCertificate,
  parseCrl,
  parseOcspResponse,
  type RevocationFacts,
  validatePath,
} from '@sallyport/pki';
import { objectsIn, type Seed, vectorSeeds } from '../corpus.ts';
import { mutateBer } from '../mutate-message.ts';
import type { Target } from '../target.ts';

const FOLDER = join(import.meta.dirname, '../corpus/revocation');
const NOW = new Date('2026-06-01T00:00:00Z');
const root = certificateIn('root.der');
const leaf = certificateIn('leaf.der');

function certificateIn(file: string): Certificate {
  const parsed = parseCertificate(readFileSync(join(FOLDER, file)));
  if (parsed.kind === 'malformed') throw new Error(`${file}: ${parsed.reason}`);
  return parsed.value;
}

function seedsOf(suffix: string): Seed[] {
  return readdirSync(FOLDER)
    .sort()
    .filter((name) => name.endsWith(suffix))
    .map((name) => ({ name, bytes: readFileSync(join(FOLDER, name)) }));
}

const lists = seedsOf('.crl');
const answers = seedsOf('.ocsp');

/** What somebody signed; nothing else may show that a certificate is good. */
const signed = new Set([
  ...lists.map(({ bytes }) => tbsOfCrl(bytes)),
  ...answers.map(({ bytes }) => tbsOfAnswer(bytes)),
]);

function tbsOfCrl(bytes: Buffer): string {
  const parsed = parseCrl(bytes);
  return parsed.kind === 'crl' ? parsed.value.tbs.toString('base64') : '';
}

function tbsOfAnswer(bytes: Buffer): string {
  const parsed = parseOcspResponse(bytes);
  return parsed.kind === 'response' ? parsed.value.tbs.toString('base64') : '';
}

function judge(facts: Omit<RevocationFacts, 'mode'>, tbs: Buffer): string {
  const input = { leaf, intermediates: [], anchors: [root], time: NOW, purpose: 'any' } as const;
  const result = validatePath({ ...input, revocation: { mode: 'hard', ...facts } });
  if (result.kind === 'invalid') return result.code;
  assert.ok(signed.has(tbs.toString('base64')), 'facts count that nobody signed');
  return 'good';
}

function checkCrl(bytes: Buffer): string {
  const parsed = parseCrl(bytes);
  if (parsed.kind === 'crl') return judge({ crls: [parsed.value] }, parsed.value.tbs);
  assert.notEqual(parsed.reason, '');
  return 'malformed';
}

function checkAnswer(bytes: Buffer): string {
  const parsed = parseOcspResponse(bytes);
  if (parsed.kind !== 'response') return parsed.kind;
  return judge({ ocsp: [{ response: parsed.value }] }, parsed.value.tbs);
}

/** Revocation lists and OCSP responses: strangers' servers give them. */
export function revocationTargets(): Target[] {
  const vectors = objectsIn(vectorSeeds('x509/pkits/crls')).slice(0, 60);
  return [
    {
      name: 'crl',
      share: 3,
      seeds: [...lists, ...lists, ...vectors],
      mutate: mutateBer,
      check: checkCrl,
    },
    { name: 'ocsp', share: 3, seeds: answers, mutate: mutateBer, check: checkAnswer },
  ];
}
