import type { PublicKeyFacts } from '@sallyport/ipc';

/** What the keyholder says of a key that signs for the domain, but for what the test gives. */
export function keyFacts(keyId: string, of: Partial<PublicKeyFacts> = {}): PublicKeyFacts {
  return {
    keyId,
    class: 'domain-signing',
    domain: 'acme.example',
    state: 'active',
    algorithm: 'rsa-3072',
    certificate: null,
    isRevoked: false,
    dkimSelector: null,
    token: null,
    createdAt: null,
    activateAt: null,
    activatedAt: null,
    retiredAt: null,
    destroyedAt: null,
    ...of,
  };
}
