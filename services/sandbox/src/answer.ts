import packet from 'dns-packet';
import type { SandboxRecord, SandboxZones } from './options.ts';
import { lookUp, type ZoneAnswer } from './zones.ts';

const RCODE = { noError: 0, servFail: 2, nxDomain: 3, refused: 5 } as const;
const PLAIN_UDP_BYTES = 512;
const MAX_UDP_BYTES = 1232;
const RECURSION_AVAILABLE = 1 << 7;
const MAX_STRING_OCTETS = 255;
const NEGATIVE_TTL = 5;

/** dns-packet knows no SMIMEA; its name for type 53 is UNKNOWN_53. */
const WIRE_SMIMEA = 'UNKNOWN_53';

/** The reply to a query, or null if it must get none. */
export function answerQuery(
  bytes: Buffer,
  zones: SandboxZones,
  over: 'udp' | 'tcp',
): Buffer | null {
  const query = decodeQuery(bytes);
  const [question] = query?.questions ?? [];
  if (query === null || question === undefined) return null;
  const type = String(question.type) === WIRE_SMIMEA ? 'SMIMEA' : String(question.type);
  const found = lookUp(zones, { name: question.name, type });
  if (found.kind === 'silent') return null;
  const opt = (query.additionals ?? []).find((record) => record.type === 'OPT');
  const { flags, ...sections } = bodyOf(found);
  const head = {
    type: 'response' as const,
    id: query.id ?? 0,
    flags: flags | packet.RECURSION_DESIRED | RECURSION_AVAILABLE,
    questions: [question],
    additionals: opt === undefined ? [] : [OPT],
  };
  const reply = packet.encode({ ...head, ...sections });
  const limit = over === 'tcp' ? Number.POSITIVE_INFINITY : udpLimit(opt);
  if (reply.length <= limit) return reply;
  return packet.encode({ ...head, flags: head.flags | packet.TRUNCATED_RESPONSE });
}

function decodeQuery(bytes: Buffer): packet.DecodedPacket | null {
  try {
    const query = packet.decode(bytes);
    return query.flag_qr ? null : query;
  } catch {
    return null;
  }
}

interface Body {
  readonly flags: number;
  readonly answers: packet.Answer[];
  readonly authorities: packet.Answer[];
}

function bodyOf(found: Exclude<ZoneAnswer, { kind: 'silent' }>): Body {
  switch (found.kind) {
    case 'refused':
      return { flags: RCODE.refused, answers: [], authorities: [] };
    case 'servfail':
      return { flags: RCODE.servFail, answers: [], authorities: [] };
    case 'answer':
    case 'nodata':
    case 'nxdomain':
      return {
        flags:
          packet.AUTHORITATIVE_ANSWER |
          (found.zone.secure ? packet.AUTHENTIC_DATA : 0) |
          (found.kind === 'nxdomain' ? RCODE.nxDomain : RCODE.noError),
        answers: found.records.map(toWire),
        authorities: found.kind === 'answer' ? [] : [soaOf(found.zone.name)],
      };
  }
}

const OPT: packet.OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: MAX_UDP_BYTES,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

function udpLimit(opt: packet.Answer | undefined): number {
  if (opt?.type !== 'OPT') return PLAIN_UDP_BYTES;
  return Math.min(Math.max(opt.udpPayloadSize, PLAIN_UDP_BYTES), MAX_UDP_BYTES);
}

/** RFC 2308 section 3: what makes a negative answer keepable. */
function soaOf(zone: string): packet.Answer {
  return {
    type: 'SOA',
    name: zone,
    ttl: NEGATIVE_TTL,
    data: {
      mname: `ns.${zone}`,
      rname: `postmaster.${zone}`,
      serial: 1,
      refresh: 3_600,
      retry: 600,
      expire: 86_400,
      minimum: NEGATIVE_TTL,
    },
  };
}

function toWire(record: SandboxRecord): packet.Answer {
  const { name, ttl } = record;
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { type: record.type, name, ttl, data: record.address };
    case 'CNAME':
      return { type: 'CNAME', name, ttl, data: record.target };
    case 'MX': {
      const { preference, exchange } = record;
      return { type: 'MX', name, ttl, data: { preference, exchange } };
    }
    case 'SRV': {
      const { priority, weight, port, target } = record;
      return { type: 'SRV', name, ttl, data: { priority, weight, port, target } };
    }
    case 'TXT':
      return { type: 'TXT', name, ttl, data: textStrings(record.text) };
    case 'TLSA':
      return {
        type: 'TLSA',
        name,
        ttl,
        data: {
          usage: record.usage,
          selector: record.selector,
          matchingType: record.matchingType,
          certificate: Buffer.from(record.association, 'hex'),
        },
      };
    case 'SMIMEA': {
      const data = Buffer.concat([
        Buffer.of(record.usage, record.selector, record.matchingType),
        Buffer.from(record.association, 'hex'),
      ]);
      return { type: WIRE_SMIMEA as 'CERT', name, ttl, data };
    }
    case 'CERT': {
      const head = Buffer.alloc(5);
      head.writeUInt16BE(record.certType, 0);
      head.writeUInt16BE(record.keyTag, 2);
      head.writeUInt8(record.algorithm, 4);
      const data = Buffer.concat([head, Buffer.from(record.certificate, 'base64')]);
      return { type: 'CERT', name, ttl, data };
    }
  }
}

function textStrings(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const strings: Buffer[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += MAX_STRING_OCTETS) {
    strings.push(bytes.subarray(at, at + MAX_STRING_OCTETS));
  }
  return strings;
}
