import { DerError, der } from '@sallyport/der';
import type { RecordType } from '../../../packages/lookup/src/dns/records.ts';
import {
  canonical,
  decodeReply,
  isCarriableName,
  type Question,
  recordsAt,
} from '../../../packages/lookup/src/dns/wire.ts';
import { matches } from '../../../services/directory/src/filter.ts';
import { parseRequest } from '../../../services/directory/src/protocol.ts';
import type { Seed } from '../corpus.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateBer } from '../mutate-message.ts';
import type { Target } from '../target.ts';

const text = (value: string): Buffer => der.octetString(Buffer.from(value));
const application = (tag: number, ...parts: Buffer[]): Buffer =>
  der.tagged({ tagClass: 'application', tag, constructed: true }, ...parts);
const context = (tag: number, ...parts: Buffer[]): Buffer =>
  der.tagged({ tagClass: 'context', tag, constructed: true }, ...parts);
const primitive = (tag: number, value: string): Buffer =>
  der.tagged({ tagClass: 'context', tag, constructed: false }, Buffer.from(value));

function search(filter: Buffer): Buffer {
  const fields = [text('dc=acme'), der.enumerated(2), der.enumerated(0), der.integer(0)];
  const names = der.sequence(text('mail'), text('userCertificate;binary'));
  const request = application(3, ...fields, der.integer(5), der.boolean(false), filter, names);
  return der.sequence(der.integer(2), request);
}

const MAIL = context(3, text('mail'), text('alice@acme.example'));
const LDAP_REQUESTS: readonly Buffer[] = [
  search(MAIL),
  search(context(0, MAIL, context(1, primitive(7, 'objectClass'), context(2, MAIL)))),
  der.sequence(der.integer(1), application(0, der.integer(3), text(''), primitive(0, ''))),
  der.sequence(der.integer(3), application(23, primitive(0, '1.3.6.1.4.1.1466.20037'))),
  der.sequence(
    der.integer(4),
    application(6, text('dc=acme')),
    context(0, der.sequence(text('1.2.3'), der.boolean(true))),
  ),
];

function checkLdap(bytes: Buffer): string {
  try {
    const { operation } = parseRequest(bytes);
    if (operation.kind === 'search') {
      matches(operation.filter, {
        has: (attribute) => attribute === 'mail',
        equals: (attribute, value) =>
          attribute === 'mail' ? value === 'alice@acme.example' : null,
      });
    }
    return operation.kind;
  } catch (error) {
    if (error instanceof DerError) return 'malformed';
    throw error;
  }
}

const ID = 0x1234;
const NAME = 'gw.acme.example';
const TYPES: Readonly<Record<RecordType, number>> = {
  A: 1,
  AAAA: 28,
  CNAME: 5,
  PTR: 12,
  MX: 15,
  SRV: 33,
  TXT: 16,
  TLSA: 52,
  CERT: 37,
  SMIMEA: 53,
};
const TYPE_NAMES: readonly RecordType[] = [
  'A',
  'AAAA',
  'CNAME',
  'PTR',
  'MX',
  'SRV',
  'TXT',
  'TLSA',
  'CERT',
  'SMIMEA',
];

function nameOctets(name: string): Buffer {
  const labels = name.split('.').flatMap((label) => [Buffer.of(label.length), Buffer.from(label)]);
  return Buffer.concat([...labels, Buffer.of(0)]);
}

function u16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}

function record(owner: Buffer, type: number, value: Buffer): Buffer {
  return Buffer.concat([owner, u16(type, 1, 0, 300, value.length), value]);
}

const POINTER = Buffer.from([0xc0, 0x0c]);
const RECORD_DATA: Readonly<Record<RecordType, Buffer>> = {
  A: Buffer.from([192, 0, 2, 1]),
  AAAA: Buffer.alloc(16, 0x20),
  CNAME: nameOctets('third.acme.example'),
  PTR: nameOctets('mx.acme.example'),
  MX: Buffer.concat([u16(10), POINTER]),
  SRV: Buffer.concat([u16(0, 5, 389), nameOctets('ldap.acme.example')]),
  TXT: Buffer.concat([Buffer.of(3), Buffer.from('v=1'), Buffer.of(2), Buffer.from('id')]),
  TLSA: Buffer.concat([Buffer.from([3, 1, 1]), Buffer.alloc(32, 7)]),
  CERT: Buffer.concat([u16(1, 0), Buffer.of(0), Buffer.alloc(40, 0x30)]),
  SMIMEA: Buffer.concat([Buffer.from([3, 0, 0]), Buffer.alloc(40, 0x30)]),
};

function reply(type: RecordType): Buffer {
  const question = Buffer.concat([nameOctets(NAME), u16(TYPES[type], 1)]);
  const alias = record(POINTER, 5, nameOctets('other.acme.example'));
  const soa = Buffer.concat([POINTER, POINTER, u16(0, 1, 0, 2, 0, 3, 0, 4, 0, 60)]);
  return Buffer.concat([
    u16(ID, 0x81a0, 1, 2, 1, 1),
    question,
    record(POINTER, TYPES[type], RECORD_DATA[type]),
    alias,
    record(POINTER, 6, soa),
    Buffer.concat([Buffer.of(0), u16(41, 1_232, 0, 0x8000, 0)]),
  ]);
}

function checkReply(bytes: Buffer): string {
  let word = 'other';
  for (const type of TYPE_NAMES) {
    const question: Question = { id: ID, name: NAME, type };
    const decoded = decodeReply(bytes, question);
    if (decoded.kind !== 'reply') {
      if (decoded.kind === 'malformed') word = 'malformed';
      continue;
    }
    word = 'reply';
    const found = recordsAt(decoded, canonical(NAME), type);
    if (found.alias !== null) isCarriableName(found.alias);
  }
  return word;
}

function named(name: string, list: readonly Buffer[]): Seed[] {
  return list.map((bytes, index) => ({ name: `${name} ${index}`, bytes }));
}

/** What strangers send to the directory, and what the DNS answers. */
export function directoryTargets(): Target[] {
  return [
    {
      name: 'ldap-request',
      share: 5,
      seeds: named('ldap', LDAP_REQUESTS),
      mutate: mutateBer,
      check: checkLdap,
    },
    {
      name: 'dns-reply',
      share: 5,
      seeds: named('dns', TYPE_NAMES.map(reply)),
      mutate: mutateBytes,
      check: checkReply,
    },
  ];
}
