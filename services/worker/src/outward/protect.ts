import {
  assembleMessage,
  type DomainSigner,
  domainEncrypt,
  domainSign,
  outerHeader,
  signedPayload,
} from '@sallyport/domsec';
import { bufferContent, type Content, concatContent, never } from '@sallyport/mail';
import type { Entity } from '@sallyport/mime';
import type { OutwardDecision, Permit } from '@sallyport/policy';
import { LIMITS } from '../shared/limits.ts';

export type Treatment = Extract<OutwardDecision, { kind: 'protect' | 'sign-only' | 'pass' }>;

/** Recipients whose treatment has the same key get the same message. */
export function treatmentKey(treatment: Treatment): string {
  switch (treatment.kind) {
    case 'protect': {
      const { sign, profile, protectHeaders, content, keyTransport } = treatment;
      // One certificate a message: RecipientInfo shows nobody who else got it (DS-E8).
      const to = treatment.encryptTo.certificate.fingerprint;
      return `protect:${sign}:${profile}:${protectHeaders}:${content}:${keyTransport}:${to}`;
    }
    case 'sign-only':
      return `sign-only:${treatment.profile}:${treatment.protectHeaders}`;
    case 'pass':
      return 'pass';
    default:
      return never(treatment);
  }
}

/** Makes the protected messages of one accepted message; equal signatures are made once. */
export class Protector {
  readonly #message: Entity;
  readonly #signer: () => Promise<DomainSigner>;
  readonly #signed = new Map<string, Promise<Content>>();

  constructor(message: Entity, signer: () => Promise<DomainSigner>) {
    this.#message = message;
    this.#signer = signer;
  }

  /** @throws Unavailable if the keyholder cannot be asked. */
  async protect(treatment: Treatment): Promise<Content> {
    checkPermit(treatment.permit);
    switch (treatment.kind) {
      case 'pass':
        return withoutBlindFields(this.#message);
      case 'sign-only':
        return this.#assemble(await this.#sign(treatment));
      case 'protect': {
        const entity = treatment.sign ? await this.#sign(treatment) : this.#plain();
        const { encryptTo, content, keyTransport } = treatment;
        return this.#assemble(await domainEncrypt(entity, encryptTo, { content, keyTransport }));
      }
      default:
        return never(treatment);
    }
  }

  #assemble(entity: Content): Content {
    return assembleMessage(outerHeader(this.#message), entity);
  }

  async #sign(options: {
    readonly profile: 'domsec' | 'compat';
    readonly protectHeaders: boolean;
  }): Promise<Content> {
    const key = `${options.profile}:${options.protectHeaders}`;
    const known = this.#signed.get(key);
    if (known !== undefined) return await known;
    const made = this.#signer().then((signer) =>
      domainSign(this.#message, signer, { ...options, limits: LIMITS.mime }),
    );
    this.#signed.set(key, made);
    return await made;
  }

  #plain(): Content {
    return signedPayload(this.#message, true);
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
