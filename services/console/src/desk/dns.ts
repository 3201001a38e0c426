import {
  type adviseProtocol,
  type CallResult,
  MAX_CHECKED_RECORDS,
  type PublishedRecord,
} from '@sallyport/ipc';
import type { DeskPorts } from './desk.ts';
import type { KeysDesk } from './keys.ts';
import { orAway, orRefused, type Refused } from './refused.ts';

/** A row that the DNS worker takes has so many characters at the most. */
const MAX_ROW_CHARS = 16_384;
/** All of them, twice over, are the answer, which is a frame of a megabyte. */
const MAX_ASKED_CHARS = 300_000;

/** A line to publish; `keyId` where it is there for a key that is planned to take over. */
export interface ZoneLine extends PublishedRecord {
  readonly plannedKeyId: string | null;
}

export interface Zone {
  readonly kind: 'zone';
  readonly domain: string;
  readonly domains: readonly string[];
  readonly lines: readonly ZoneLine[];
  /** MTA-STS policies for a web server. */
  readonly files: readonly { readonly url: string; readonly text: string }[];
}

export type RecordCheck = CallResult<typeof adviseProtocol, 'dnsCheck'>['checks'][number];

export type DnsCheck =
  | {
      readonly kind: 'checked';
      readonly checks: readonly RecordCheck[];
      /** Lines too long, or too many, to be asked for here. */
      readonly unchecked: readonly PublishedRecord[];
    }
  /** It takes longer than anybody waits, as where no name server answers; or nobody is there to ask. */
  | { readonly kind: 'unanswered' };

/** What is to be published, and what the world sees of it. */
export interface DnsDesk {
  /** Of the domain named, or of the first. */
  zone(domain: string | null): Promise<Zone | Refused>;
  check(lines: readonly PublishedRecord[]): Promise<DnsCheck>;
}

export function createDnsDesk({ sockets }: DeskPorts, keys: KeysDesk): DnsDesk {
  const { keyDesk, advise } = sockets;
  return {
    zone: async (domain) =>
      await orRefused(async () => {
        const zone = await keyDesk.call('zone', { domain });
        const planned = await plannedLines(zone.domain, keys);
        const lines = zone.records.map((one): ZoneLine => ({ ...one, plannedKeyId: null }));
        const isNew = (line: ZoneLine): boolean =>
          !lines.some(({ name, type, data }) => isSame(line, { name, type, data }));
        const { domains, files } = zone;
        const all = [...lines, ...planned.filter(isNew)];
        return { kind: 'zone', domain: zone.domain, domains, files, lines: all } as const;
      }),
    check: async (lines) => {
      const { asked, unchecked } = askedOf(lines);
      const rows = asked.map(({ name, type, data }) => ({ name, type, data }));
      const answer = await orAway(async () => await advise.call('dnsCheck', { rows }));
      if (answer === null) return { kind: 'unanswered' };
      return { kind: 'checked', checks: answer.checks, unchecked };
    },
  };
}

/** What one call can ask for. */
function askedOf(lines: readonly PublishedRecord[]) {
  const [asked, unchecked]: [PublishedRecord[], PublishedRecord[]] = [[], []];
  let chars = 0;
  for (const line of lines) {
    const { length } = line.data;
    const isRoom = chars + length <= MAX_ASKED_CHARS && asked.length < MAX_CHECKED_RECORDS;
    const isAsked = length <= MAX_ROW_CHARS && isRoom;
    (isAsked ? asked : unchecked).push(line);
    if (isAsked) chars += length;
  }
  return { asked, unchecked };
}

function isSame(
  one: Pick<PublishedRecord, 'name' | 'type' | 'data'>,
  other: Pick<PublishedRecord, 'name' | 'type' | 'data'>,
): boolean {
  return one.name === other.name && one.type === other.type && one.data === other.data;
}

/** Partners shall find the next certificates beside the former ones before these are replaced. */
async function plannedLines(domain: string, keys: KeysDesk): Promise<readonly ZoneLine[]> {
  const lines: ZoneLine[] = [];
  for (const { keyId, domain: own, activateAt } of await known(keys)) {
    if (own !== domain || activateAt === null) continue;
    for (const line of await keys.lines(keyId)) lines.push({ ...line, plannedKeyId: keyId });
  }
  return lines;
}

/** Without the keyholder there are no plans to show, and all the rest is as it was. */
async function known(keys: KeysDesk) {
  return (await orAway(async () => (await keys.list()).keys)) ?? [];
}
