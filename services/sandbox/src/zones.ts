import { readFile, stat } from 'node:fs/promises';
import {
  type SandboxRecord,
  type SandboxZone,
  type SandboxZones,
  zonesFileSchema,
} from './options.ts';

const MAX_ALIASES = 8;

interface ZoneFacts {
  /** The chain of aliases, then what was asked for. */
  readonly records: readonly SandboxRecord[];
  readonly zone: SandboxZone;
}

export type ZoneAnswer =
  | ({ readonly kind: 'answer' } & ZoneFacts)
  | ({ readonly kind: 'nodata' } & ZoneFacts)
  | ({ readonly kind: 'nxdomain' } & ZoneFacts)
  | { readonly kind: 'servfail' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'silent' };

/** Looks a question up (RFC 1034 section 4.3.2), aliases followed through every zone that is here. */
export function lookUp(zones: SandboxZones, question: { name: string; type: string }): ZoneAnswer {
  let name = canonical(question.name);
  const records: SandboxRecord[] = [];
  for (let aliases = 0; aliases <= MAX_ALIASES; aliases += 1) {
    const marked = (names: readonly string[]): boolean =>
      names.some((above) => isAtOrBelow(name, canonical(above)));
    if (marked(zones.silent)) return { kind: 'silent' };
    if (marked(zones.servfail)) return { kind: 'servfail' };
    const zone = zoneOf(zones, name);
    if (zone === null) return { kind: 'refused' };
    const here = zone.records.filter((record) => canonical(record.name) === name);
    const wanted = here.filter((record) => record.type === question.type);
    if (wanted.length > 0) return { kind: 'answer', records: [...records, ...wanted], zone };
    const alias = here.find((record) => record.type === 'CNAME');
    if (alias?.type !== 'CNAME') {
      return { kind: exists(zone, name) ? 'nodata' : 'nxdomain', records, zone };
    }
    records.push(alias);
    name = canonical(alias.target);
  }
  return { kind: 'servfail' };
}

function zoneOf(zones: SandboxZones, name: string): SandboxZone | null {
  const above = zones.zones.filter((zone) => isAtOrBelow(name, canonical(zone.name)));
  return above.sort((a, b) => b.name.length - a.name.length)[0] ?? null;
}

/** RFC 8020: a name with something below it exists, though it holds nothing itself. */
function exists(zone: SandboxZone, name: string): boolean {
  if (name === canonical(zone.name)) return true;
  return zone.records.some((record) => isAtOrBelow(canonical(record.name), name));
}

function isAtOrBelow(name: string, above: string): boolean {
  return name === above || name.endsWith(`.${above}`);
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** The zones of a file, read again when it has changed. */
export class ZonesFile {
  readonly #file: string;
  #zones: SandboxZones | null = null;
  #stamp = '';

  constructor(file: string) {
    this.#file = file;
  }

  /** @throws if the file was never readable; later faults leave the zones as they were. */
  async current(): Promise<SandboxZones> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#file);
      const stamp = `${mtimeMs} ${size} ${ino}`;
      if (this.#zones === null || stamp !== this.#stamp) {
        this.#zones = zonesFileSchema.parse(JSON.parse(await readFile(this.#file, 'utf8')));
        this.#stamp = stamp;
      }
    } catch (error) {
      if (this.#zones === null) throw error;
    }
    return this.#zones;
  }
}
