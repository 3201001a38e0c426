import type { DeskPorts } from './desk.ts';
import type { DnsDesk, ZoneLine } from './dns.ts';
import type { KeysDesk } from './keys.ts';
import type { Described, LookDesk } from './look.ts';
import type { PartnersDesk, PartnerView } from './partners.ts';

/** What a partner needs of us, as plain facts; the page words them. */
export interface SheetFacts {
  readonly gatewayName: string;
  readonly domains: readonly string[];
  readonly partner: PartnerView['partner'];
  readonly version: number;
  /** Our authorities' certificates, in use and those that follow them. */
  readonly certificates: readonly Extract<Described, { kind: 'certificate' }>['value'][];
  /** What we publish, for the first of our domains; empty while nobody can say. */
  readonly lines: readonly Pick<ZoneLine, 'name' | 'type' | 'data' | 'purpose'>[];
  readonly time: string;
}

export interface SheetDesk {
  /** Null if there is no such partner. */
  sheet(name: string): Promise<SheetFacts | null>;
}

const STATES: ReadonlySet<string> = new Set(['active', 'pending']);
const CLASSES: ReadonlySet<string> = new Set(['domain-signing', 'domain-confidentiality']);

export function createSheetDesk(
  { options, clock }: Pick<DeskPorts, 'options' | 'clock'>,
  parts: {
    readonly partners: PartnersDesk;
    readonly keys: KeysDesk;
    readonly dns: DnsDesk;
    readonly look: LookDesk;
  },
): SheetDesk {
  const { partners, keys, dns, look } = parts;
  return {
    sheet: async (name) => {
      const view = await partners.show(name);
      if (view === null) return null;
      const own = (await keys.list()).keys.flatMap(({ certificate, state, class: kind }) =>
        certificate !== null && STATES.has(state) && CLASSES.has(kind) ? [certificate.der] : [],
      );
      const described = await look.describe(own);
      const zone = await dns.zone(null);
      return {
        gatewayName: options.gatewayName,
        domains: options.domains,
        partner: view.partner,
        version: view.version,
        certificates: (described?.certificates ?? []).flatMap((one) =>
          one.kind === 'certificate' ? [one.value] : [],
        ),
        lines: zone.kind === 'zone' ? zone.lines : [],
        time: clock.now().toISOString(),
      };
    },
  };
}
