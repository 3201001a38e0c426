import type { Target } from './target.ts';
import { certificateTargets } from './targets/certificates.ts';
import { envelopedTarget } from './targets/cms-enveloped.ts';
import { cmsTargets } from './targets/cms-signed.ts';
import { derTarget } from './targets/der.ts';
import { directoryTargets } from './targets/directory.ts';
import { documentTargets } from './targets/documents.ts';
import { messageTargets } from './targets/message.ts';
import { largeMessageTarget } from './targets/message-large.ts';
import { mimeTargets } from './targets/mime.ts';
import { revocationTargets } from './targets/revocation.ts';

/** Every reader of strangers' bytes. */
export async function allTargets(): Promise<Target[]> {
  return [...(await quickTargets()), await largeMessageTarget()];
}

/** Those whose inputs are small. */
export async function quickTargets(): Promise<Target[]> {
  return [
    derTarget(),
    ...cmsTargets(),
    envelopedTarget(),
    ...mimeTargets(),
    ...(await messageTargets()),
    ...certificateTargets(),
    ...revocationTargets(),
    ...directoryTargets(),
    ...documentTargets(),
  ];
}
