import packet from 'dns-packet';
import type { Random } from '../random.ts';
import type { RecordData, RecordType } from './records.ts';

/** RFC 6891: fits one Ethernet frame after IPv6, so replies are not fragmented. */
const UDP_PAYLOAD_BYTES = 1232;
const MAX_LABEL_OCTETS = 63;
const MAX_NAME_OCTETS = 253;
const HEADER_BYTES = 12;
/** RFC 2181 section 8: a TTL with the top bit set is to be read as zero. */
const MAX_TTL = 0x7fff_ffff;

/** dns-packet knows no SMIMEA: asked by that name it would silently send type 0. */
const WIRE_TYPE: Readonly<Record<RecordType, string>> = {
  A: 'A',
  AAAA: 'AAAA',
  CNAME: 'CNAME',
  PTR: 'PTR',
  MX: 'MX',
  SRV: 'SRV',
  TXT: 'TXT',
  TLSA: 'TLSA',
  CERT: 'CERT',
  SMIMEA: 'UNKNOWN_53',
};

export interface Question {
  readonly id: number;
  /** In the case in which it is asked; over UDP an answer must repeat it letter by letter. */
  readonly name: string;
  readonly type: RecordType;
}

interface RawRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly data: unknown;
}

export interface Reply {
  readonly kind: 'reply';
  readonly rcode: number;
  readonly truncated: boolean;
  readonly authentic: boolean;
  readonly answers: readonly RawRecord[];
  /** RFC 2308 section 5: the lesser of the SOA's TTL and its minimum; null without SOA. */
  readonly negativeTtl: number | null;
}

/** True if the DNS can carry the name: ASCII labels of 1 to 63 octets, 253 in all. */
export function isCarriableName(name: string): boolean {
  if (name.length === 0 || name.length > MAX_NAME_OCTETS) return false;
  return name
    .split('.')
    .every((label) => label.length <= MAX_LABEL_OCTETS && /^[\x21-\x7e]+$/.test(label));
}

/**
 * The name with each letter's case drawn at random ("0x20"): a forger who sees no query must guess
 * these bits beside id and port (RFC 5452 section 9). Names mean the same in any case (RFC 4343).
 */
export function inRandomCase(name: string, random: Random): string {
  let bits = 0;
  let left = 0;
  return name.replace(/[a-z]/gi, (letter) => {
    if (left === 0) [bits, left] = [random(0x1_0000), 16];
    const isUpper = (bits & 1) === 1;
    bits >>= 1;
    left -= 1;
    return isUpper ? letter.toUpperCase() : letter.toLowerCase();
  });
}

/** A query with recursion desired and, unless refused before, EDNS0 with DO and AD set. */
export function encodeQuery(question: Question, options: { readonly edns: boolean }): Buffer {
  const opt = {
    type: 'OPT' as const,
    name: '.',
    udpPayloadSize: UDP_PAYLOAD_BYTES,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: packet.DNSSEC_OK,
    flag_do: true,
    options: [],
  };
  return packet.encode({
    type: 'query',
    id: question.id,
    flags: packet.RECURSION_DESIRED | (options.edns ? packet.AUTHENTIC_DATA : 0),
    questions: [
      { name: question.name, type: WIRE_TYPE[question.type] as packet.RecordType, class: 'IN' },
    ],
    additionals: options.edns ? [opt] : [],
  });
}

/** Not an answer to the question, or bearing its id and not readable. */
export type NoReply =
  | { readonly kind: 'other' }
  /** The question came back in another case: an old server, or a forger. */
  | { readonly kind: 'other-case' }
  | { readonly kind: 'malformed' };

/**
 * Reads what came back. `other` (wrong id or question echo, not a response) must be waited past.
 * Over TCP nobody but the server can answer, so there the case of the echo is free.
 */
export function decodeReply(
  bytes: Buffer,
  question: Question,
  over: 'udp' | 'tcp' = 'udp',
): Reply | NoReply {
  if (bytes.length < HEADER_BYTES || bytes.readUInt16BE(0) !== question.id) {
    return { kind: 'other' };
  }
  let decoded: packet.DecodedPacket;
  try {
    decoded = packet.decode(bytes);
    // dns-packet cuts the last RDATA short in silence when its length runs over the end
    if (packet.decode.bytes > bytes.length) return { kind: 'malformed' };
  } catch {
    return { kind: 'malformed' };
  }
  if (!decoded.flag_qr) return { kind: 'other' };
  const flags = decoded.flags ?? 0;
  const rcode = (flags & 0xf) | (extendedRcode(decoded) << 4);
  if (!echoes(decoded, question, rcode)) return { kind: 'other' };
  if (over === 'udp' && !echoesCase(decoded, question)) return { kind: 'other-case' };
  return {
    kind: 'reply',
    rcode,
    truncated: decoded.flag_tc,
    authentic: decoded.flag_ad,
    answers: (decoded.answers ?? []).flatMap(toRawRecord),
    negativeTtl: negativeTtl(decoded),
  };
}

function echoes(decoded: packet.DecodedPacket, question: Question, rcode: number): boolean {
  const questions = decoded.questions ?? [];
  // RFC 1035 section 4.1.2; servers that fail with FORMERR or NOTIMP may leave the question out
  if (questions.length === 0) return rcode === 1 || rcode === 4;
  const [echo] = questions;
  if (questions.length !== 1 || echo === undefined) return false;
  return (
    canonical(echo.name) === canonical(question.name) &&
    String(echo.type) === WIRE_TYPE[question.type] &&
    echo.class === 'IN'
  );
}

function echoesCase(decoded: packet.DecodedPacket, question: Question): boolean {
  const [echo] = decoded.questions ?? [];
  return echo === undefined || withoutDot(echo.name) === withoutDot(question.name);
}

function extendedRcode(decoded: packet.DecodedPacket): number {
  for (const record of decoded.additionals ?? []) {
    if (record.type === 'OPT') return record.extendedRcode;
  }
  return 0;
}

function toRawRecord(record: packet.Answer): RawRecord[] {
  if (record.type === 'OPT' || record.class !== 'IN') return [];
  const ttl = record.ttl ?? 0;
  return [
    {
      name: canonical(record.name),
      type: record.type,
      ttl: ttl > MAX_TTL ? 0 : ttl,
      data: record.data,
    },
  ];
}

function negativeTtl(decoded: packet.DecodedPacket): number | null {
  for (const record of decoded.authorities ?? []) {
    if (record.type === 'SOA') return Math.min(record.ttl ?? 0, record.data.minimum ?? 0);
  }
  return null;
}

/** Lower case, no trailing dot; the root is the empty string. */
export function canonical(name: string): string {
  return withoutDot(name.toLowerCase());
}

export function withoutDot(name: string): string {
  return name.replace(/\.$/, '');
}

/** The records of the wanted type at `name`; the target if a CNAME stands there instead. */
export function recordsAt<Type extends RecordType>(
  reply: Reply,
  name: string,
  type: Type,
): { readonly data: RecordData[Type][]; readonly ttl: number; readonly alias: string | null } {
  const data: RecordData[Type][] = [];
  let ttl = MAX_TTL;
  let alias: string | null = null;
  for (const record of reply.answers) {
    if (record.name !== name) continue;
    if (record.type === 'CNAME' && typeof record.data === 'string') {
      alias = canonical(record.data);
      ttl = Math.min(ttl, record.ttl);
    }
    if (record.type !== WIRE_TYPE[type]) continue;
    const value = READERS[type](record.data);
    if (value === null) continue;
    data.push(value);
    ttl = Math.min(ttl, record.ttl);
  }
  return { data, ttl, alias };
}

type Readers = { readonly [Type in RecordType]: (data: unknown) => RecordData[Type] | null };

const READERS: Readers = {
  A: (data) => (typeof data === 'string' ? data : null),
  AAAA: (data) => (typeof data === 'string' ? data.toLowerCase() : null),
  CNAME: (data) => (typeof data === 'string' ? canonical(data) : null),
  PTR: (data) => (typeof data === 'string' ? canonical(data) : null),
  MX: (data) => {
    const { preference = 0, exchange } = data as packet.MxData;
    return { preference, exchange: canonical(exchange) };
  },
  SRV: (data) => {
    const { priority = 0, weight = 0, port, target } = data as packet.SrvData;
    return { priority, weight, port, target: canonical(target) };
  },
  TXT: (data) => {
    const strings = Array.isArray(data) ? data : [data];
    return strings
      .filter((part): part is Buffer => Buffer.isBuffer(part))
      .map((part) => part.toString('latin1'))
      .join('');
  },
  TLSA: (data) => {
    const { usage, selector, matchingType, certificate } = data as packet.TlsaData;
    return { usage, selector, matchingType, association: Buffer.from(certificate) };
  },
  SMIMEA: (data) => {
    if (!Buffer.isBuffer(data) || data.length < 4) return null;
    const [usage = 0, selector = 0, matchingType = 0] = data;
    return { usage, selector, matchingType, association: Buffer.from(data.subarray(3)) };
  },
  CERT: (data) => {
    if (!Buffer.isBuffer(data) || data.length < 6) return null;
    return {
      certType: data.readUInt16BE(0),
      keyTag: data.readUInt16BE(2),
      algorithm: data.readUInt8(4),
      certificate: Buffer.from(data.subarray(5)),
    };
  },
};
