import {
  assembleMessage,
  closeLayers,
  type DomainEncryption,
  domainSign,
  type HeaderTreatment,
  type ListPlan,
  MESSAGE_LIMITS,
  type OpenPlan,
  originatorOf,
  outerHeader,
  plannedMessage,
  type Signers,
  type SignOptions,
  signedPayload,
} from '@sallyport/domsec';
import { bufferContent, type Content, concatContent, never } from '@sallyport/mail';
import type { Entity } from '@sallyport/mime';
import type { OutwardDecision, Permit } from '@sallyport/policy';
import { type DkimSigner, signDkim } from '../dkim/sign.ts';

export type Treatment = Extract<OutwardDecision, { kind: 'protect' | 'sign-only' | 'pass' }>;

/** Recipients whose treatment has the same key get the same message. */
export function treatmentKey(treatment: Treatment): string {
  const label = treatmentLabel(treatment);
  if (treatment.kind !== 'protect') return label;
  return `${label}:${treatment.content}:${treatment.keyTransport}`;
}

/**
 * What of a treatment is in the id of its message. Not the algorithms: what the partner announces
 * between a crash and the next attempt must not make a second message out of the same one.
 */
export function treatmentLabel(treatment: Treatment): string {
  switch (treatment.kind) {
    case 'protect': {
      const { sign, profile, originatorInfo } = treatment;
      // One certificate a message: RecipientInfo shows nobody who else got it (DS-E8).
      const to = treatment.encryptTo.certificate.fingerprint;
      return `protect:${sign}:${profile}:${headersKey(treatment)}:${originatorInfo}:${to}`;
    }
    case 'sign-only':
      return `sign-only:${treatment.profile}:${headersKey(treatment)}`;
    case 'pass':
      return 'pass';
    default:
      return never(treatment);
  }
}

/** What is signed depends on it: the payload says what stands outside, and how layers are written. */
function headersKey(treatment: Signing): string {
  const { protectHeaders, headerConfidentiality = 'clear', innerEncoding } = treatment;
  return `${protectHeaders}:${headerConfidentiality}:${innerEncoding}`;
}

type Signing = HeaderTreatment & Pick<SignOptions, 'innerEncoding'>;

/** What protection asks of the keyholder. */
export interface ProtectorPorts {
  /** Every signing key in use for the author's domain: they sign side by side (DS-G5). */
  readonly signers: () => Promise<Signers>;
  /** Certificates of our DCA, for originatorInfo. */
  readonly confidentialityChain: () => Promise<readonly Buffer[]>;
  /** The DKIM keys in use for the author's domain; left out where nothing of ours is sent. */
  readonly dkimSigners?: () => Promise<readonly DkimSigner[]>;
}

/** Makes the protected messages of one accepted message; equal signatures are made once. */
export class Protector {
  readonly #root: Entity;
  readonly #plan: OpenPlan;
  readonly #ports: ProtectorPorts;
  readonly #signed = new Map<string, Promise<Content>>();

  /** A plan that was refused lets nothing be signed; what goes unsigned goes as it came. */
  constructor(root: Entity, plan: ListPlan, ports: ProtectorPorts) {
    this.#root = root;
    this.#plan = plan.kind === 'refused' ? { kind: 'encapsulate' } : plan;
    this.#ports = ports;
  }

  /** @throws Unavailable if the keyholder cannot be asked. */
  async protect(treatment: Treatment): Promise<Content> {
    checkPermit(treatment.permit);
    // Last of all, over what leaves: no step after it touches the message.
    return await signDkim(
      await this.#protected(treatment),
      (await this.#ports.dkimSigners?.()) ?? [],
    );
  }

  async #protected(treatment: Treatment): Promise<Content> {
    switch (treatment.kind) {
      case 'pass':
        return withoutBlindFields(this.#root);
      case 'sign-only':
        return await this.#close(await this.#sign(treatment), treatment, null);
      case 'protect': {
        const { encryptTo: to, content, keyTransport } = treatment;
        const originator = originatorOf(this.#plan, {
          mode: treatment.originatorInfo,
          certificates: await this.#ports.confidentialityChain(),
        });
        const encryption = { to, content, keyTransport, originator };
        const entity = treatment.sign
          ? await this.#sign(treatment)
          : signedPayload(this.#unsigned(), treatment);
        return await this.#close(entity, treatment, encryption);
      }
      default:
        return never(treatment);
    }
  }

  /** What was encrypted for our DCA is of no use to the partner; nothing else is taken off. */
  #unsigned(): Entity {
    const isOpened = this.#plan.kind === 'rebuild' && this.#plan.opened;
    return isOpened ? plannedMessage(this.#root, this.#plan) : this.#root;
  }

  async #close(
    entity: Content,
    treatment: Signing & Pick<SignOptions, 'profile'> & { readonly sign?: boolean },
    encryption: DomainEncryption | null,
  ): Promise<Content> {
    const plan = this.#plan;
    // `compat` is one signature and no layer around it: what a list said stands in that one.
    const isLayered = treatment.sign !== false && treatment.profile === 'domsec';
    const signers = isLayered ? await this.#ports.signers() : null;
    const closed = await closeLayers(entity, plan, { encryption, signers });
    // The header of a layer that stays inside is not ours to show: it may be what encryption hid.
    const isContent = plan.kind === 'rebuild' && !plan.isLayered;
    const shown = isContent ? plannedMessage(this.#root, plan) : this.#root;
    return assembleMessage(outerHeader(shown, treatment), closed);
  }

  async #sign(treatment: Signing & Pick<SignOptions, 'profile'>): Promise<Content> {
    const key = `${treatment.profile}:${headersKey(treatment)}`;
    const known = this.#signed.get(key);
    if (known !== undefined) return await known;
    const { profile, protectHeaders, headerConfidentiality, innerEncoding } = treatment;
    const headers = { protectHeaders, headerConfidentiality };
    const plan = this.#plan;
    const listed = profile === 'compat' && plan.kind === 'rebuild' ? (plan.outer ?? []) : [];
    const attributes = listed.length === 0 ? {} : { attributes: listed };
    const options = {
      profile,
      ...headers,
      innerEncoding,
      limits: MESSAGE_LIMITS.mime,
      ...attributes,
    };
    const message = plannedMessage(this.#root, plan);
    const made = this.#ports.signers().then((signers) => domainSign(message, signers, options));
    this.#signed.set(key, made);
    return await made;
  }
}

// RFC 5322 section 3.6.3: nobody else sees who got a blind copy; all other bytes stay.
function withoutBlindFields(message: Entity): Content {
  const blind = /^(resent-)?bcc$/i;
  if (!message.header.some((field) => blind.test(field.name))) return message.content;
  const kept = message.header.filter((field) => !blind.test(field.name)).map((field) => field.raw);
  return concatContent([bufferContent(Buffer.concat([...kept, EMPTY_LINE])), message.body]);
}

const EMPTY_LINE = Buffer.from('\r\n');

function checkPermit(permit: Permit): void {
  if (permit.rule === '') throw new Error('a Permit without its rule');
}
