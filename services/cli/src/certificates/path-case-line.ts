import { parseJson } from '@sallyport/mail';
import { type Certificate, type Crl, parsePemCertificates, parsePemCrls } from '@sallyport/pki';
import { z } from 'zod';
import {
  answerPathCase,
  CASE_PURPOSES,
  NAME_KINDS,
  type PathAnswer,
  REVOCATION_MODES,
} from './path-case.ts';

const pems = z.array(z.string());

/** One case as design section 8 words it; `revocation` may be added. Other members are passed over. */
const line = z.object({
  anchors: pems,
  intermediates: pems.default([]),
  crls: pems.default([]),
  leaf: z.string(),
  time: z.string().nullish(),
  purpose: z.enum(CASE_PURPOSES).default('any'),
  name: z.object({ kind: z.enum(NAME_KINDS), value: z.string() }).nullish(),
  revocation: z.enum(REVOCATION_MODES).optional(),
});

/** What one line gave: a case that could not be read is no answer about a certificate. */
export interface LineAnswer extends Pick<PathAnswer, 'ok' | 'reason' | 'path'> {
  readonly isRead: boolean;
}

function unread(reason: string): LineAnswer {
  return { isRead: false, ok: false, reason, path: [] };
}

/** A certificate that cannot be read is one that no path can use. */
function certificatesIn(texts: readonly string[]): Certificate[] {
  return texts
    .flatMap((text) => parsePemCertificates(text))
    .flatMap((one) => (one.kind === 'certificate' ? [one.value] : []));
}

function crlsIn(texts: readonly string[]): Crl[] {
  return texts
    .flatMap((text) => parsePemCrls(text))
    .flatMap((one) => (one.kind === 'crl' ? [one.value] : []));
}

function timeIn(text: string | null | undefined, now: Date): Date | null {
  if (text === null || text === undefined) return now;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? null : time;
}

/** Answers one line of `cert verify --jsonl`. Never throws for what a line holds. */
export function answerLine(text: string, now: Date): LineAnswer {
  const parsed = line.safeParse(parseJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return unread(`the line is no case: ${issue?.path.join('.') || 'it'}: ${issue?.message}`);
  }
  const { data } = parsed;
  const time = timeIn(data.time, now);
  if (time === null) return unread(`the line is no case: time: ${data.time} is not RFC 3339`);
  const [leaf] = parsePemCertificates(data.leaf);
  if (leaf === undefined) return unread('the line is no case: leaf: no PEM certificate');
  if (leaf.kind === 'malformed') {
    return { isRead: true, ok: false, reason: `malformed: ${leaf.reason}`, path: [] };
  }
  // Lists that were given and cannot be read are still a wish for revocation checking.
  const mode = data.revocation ?? (data.crls.length > 0 ? 'hard' : 'off');
  const { ok, reason, path } = answerPathCase({
    leaf: leaf.value,
    intermediates: certificatesIn(data.intermediates),
    anchors: certificatesIn(data.anchors),
    crls: crlsIn(data.crls),
    time,
    purpose: data.purpose,
    name: data.name ?? null,
    revocation: mode,
  });
  return { isRead: true, ok, reason, path };
}
