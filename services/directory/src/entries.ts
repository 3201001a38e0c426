import { parseDomain } from '@sallyport/mail';
import { parseCertificate } from '@sallyport/pki';
import { foldAddress, type SearchAttribute, searchKeysOf } from '@sallyport/published';
import { entriesFileSchema } from './options.ts';

/** One published name. */
export interface Entry {
  readonly cn: string;
  readonly mail: readonly string[];
  readonly userCertificate: readonly Buffer[];
  readonly userSMIMECertificate: readonly Buffer[];
}

/** The domain authorities' entries, by folded name and by search key. */
export interface AuthorityEntries {
  readonly byName: ReadonlyMap<string, readonly Entry[]>;
  readonly byKey: ReadonlyMap<string, readonly Buffer[]>;
}

/** The form in which names are compared: an address or a whole domain. Null if it is neither. */
export function foldName(text: string): string | null {
  return text.includes('@') ? foldAddress(text) : parseDomain(text);
}

export function keyName(attribute: SearchAttribute, value: string): string {
  return `${attribute} ${value}`;
}

function add<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

/** Parses the entries file. @throws if it is not what the schema says. */
export function parseEntries(bytes: Buffer): AuthorityEntries {
  const { entries } = entriesFileSchema.parse(JSON.parse(bytes.toString('utf8')));
  const decode = (values: readonly string[]): Buffer[] =>
    values.map((value) => Buffer.from(value, 'base64'));
  const byName = new Map<string, Entry[]>();
  const byKey = new Map<string, Buffer[]>();
  for (const raw of entries) {
    const userCertificate = decode(raw.userCertificate);
    const userSMIMECertificate = decode(raw.userSMIMECertificate);
    const entry: Entry = { cn: raw.cn, mail: raw.mail, userCertificate, userSMIMECertificate };
    const names = new Set(raw.mail.map((name) => foldName(name) ?? name.toLowerCase()));
    for (const name of names) add(byName, name, entry);
    for (const der of userCertificate) {
      const parsed = parseCertificate(der);
      if (parsed.kind === 'malformed') continue;
      for (const [attribute, values] of Object.entries(searchKeysOf(parsed.value))) {
        for (const value of values) add(byKey, `${attribute} ${value}`, der);
      }
    }
  }
  return { byName, byKey };
}
