import type { Domain } from '@sallyport/mail';
import { defaultLayers, type Layer, layersOf, SECTIONS, sourceOf } from './layers.ts';
import { outwardRuleFor, partnerFor, patternWeight, policyFor, userFor } from './match.ts';
import { type PolicyDocument, parsePolicyDocument } from './schema.ts';

/** One value that holds, and who said it. */
export interface EffectiveValue {
  /** `outbound.encrypt`. */
  readonly field: string;
  readonly value: unknown;
  /** `built in`, `base`, `domain acme.example`, `default`, `partner Bravo`, `user board`. */
  readonly source: string;
}

export interface EffectiveRule {
  /** As decisions name it. */
  readonly rule: string;
  readonly values: readonly EffectiveValue[];
}

/**
 * Every value that holds for an address or a domain of others, with its source; `own` is the domain
 * of ours that the mail is from or to. Takes the document as it was written.
 *
 * @returns null if the document is no policy.
 */
export function effectiveRule(
  document: unknown,
  of: {
    readonly domain: Domain;
    readonly localPart: string | null;
    readonly own: Domain | null;
  },
): EffectiveRule | null {
  const parsed = parsePolicyDocument(document);
  if (parsed.kind === 'invalid') return null;
  const domain = domainIndex(parsed.policy, of.own);
  const policy = policyFor(parsed.policy, of.own);
  const partner = partnerFor(policy, of.domain)?.partner;
  const number = partner === undefined ? null : policy.partners.indexOf(partner);
  const address = `${of.localPart}@${of.domain}`;
  const chosen = partner === undefined || of.localPart === null ? null : userFor(partner, address);
  const user = chosen === null ? null : (partner?.users?.indexOf(chosen) ?? null);
  const layers =
    number === null
      ? defaultLayers(document, domain)
      : layersOf(document, { domain, partner: number, user });
  const { rule, outbound } = outwardRuleFor(policy, of.domain, of.localPart);
  const record = { ...(partner ?? policy.default), outbound };
  const values = SECTIONS.flatMap((section) =>
    Object.entries(record[section]).map(([field, value]): EffectiveValue => {
      const source = sourceOf(layers, section, field);
      return { field: `${section}.${field}`, value, source: nameOf(source, policy) };
    }),
  );
  return { rule, values };
}

function domainIndex({ domains }: PolicyDocument, own: Domain | null): number | null {
  let best: { readonly weight: number; readonly index: number } | null = null;
  for (const [index, { names }] of (domains ?? []).entries()) {
    const weight = own === null ? 0 : Math.max(...names.map((one) => patternWeight(own, one)));
    if (weight > (best?.weight ?? 0)) best = { weight, index };
  }
  return best?.index ?? null;
}

function nameOf(layer: Layer | null, policy: PolicyDocument): string {
  const [kind = '', index = '', , user = ''] = layer?.path.split('.') ?? [];
  switch (kind) {
    case '':
    case 'built-in':
      return 'built in';
    case 'domains':
      return `domain ${policy.domains?.[Number(index)]?.names.join(' ') ?? index}`;
    case 'partners': {
      const partner = policy.partners[Number(index)];
      const named = partner?.users?.[Number(user)]?.name;
      return user === '' ? `partner ${partner?.name}` : `user ${named} of partner ${partner?.name}`;
    }
    default:
      return kind;
  }
}
