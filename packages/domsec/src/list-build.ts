import type { NonEmpty } from '@sallyport/cms';
import type { Content } from '@sallyport/mail';
import type { Entity } from '@sallyport/mime';
import type { ValidatedCertificate } from '@sallyport/pki';
import type { ListPlan } from './list.ts';
import { domainEncrypt, listLayer } from './outward.ts';
import type { Signers } from './sign-layer.ts';

/** Every plan that lets the message go on. */
export type OpenPlan = Exclude<ListPlan, { kind: 'refused' }>;

/** What the domain signature goes around (RFC 3183 section 5). */
export function plannedMessage(root: Entity, plan: OpenPlan): Entity {
  return plan.kind === 'rebuild' ? plan.message : root;
}

/** How the domain-signed entity is encrypted. */
export type DomainEncryption = Parameters<typeof domainEncrypt>[2] & {
  readonly to: ValidatedCertificate;
};

/**
 * Puts the layers outside of the domain signature: encryption, and the layer with the attributes of
 * a mail list (RFC 3183 section 5 steps 3 and 4).
 *
 * @throws RangeError if the plan demands encryption and there is none: never weaker than the rule.
 */
export async function closeLayers(
  signed: Content,
  plan: OpenPlan,
  options: { readonly encryption: DomainEncryption | null; readonly signers: Signers | null },
): Promise<Content> {
  const { encryption, signers } = options;
  if (encryption === null && plan.kind === 'rebuild' && plan.mustEncrypt) {
    throw new RangeError('a domain signature over encryption must itself be encrypted');
  }
  const entity =
    encryption === null ? signed : await domainEncrypt(signed, encryption.to, encryption);
  const attributes = plan.kind === 'rebuild' ? plan.outer : null;
  if (attributes === null || signers === null) return entity;
  return await listLayer(entity, signers, attributes);
}

/**
 * Certificates of our DCA for originatorInfo (RFC 3183 section 5; DS-E6): in list handling, or as
 * the partner's record has it. gpgsm cannot read a message with them.
 */
export function originatorOf(
  plan: OpenPlan,
  options: {
    readonly mode: 'lists' | 'always' | 'never';
    readonly certificates: readonly Buffer[];
  },
): NonEmpty<Buffer> | null {
  const { mode } = options;
  const isList = plan.kind === 'rebuild' && (plan.opened || plan.outer !== null);
  const isWanted = mode === 'always' || (mode === 'lists' && isList);
  const [first, ...others] = options.certificates;
  return first !== undefined && isWanted ? [first, ...others] : null;
}
