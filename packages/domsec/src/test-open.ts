import assert from 'node:assert/strict';
import { type SignerInfoParts, signedData } from '@sallyport/cms';
import { bufferContent, type Content } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS } from '@sallyport/mime';
import type { Layer, OpenOptions, SignedLayer } from './layers.ts';
import {
  alice,
  crlf,
  dsa,
  dsaRsa,
  messageAround,
  opaque,
  open,
  TYPE,
  typesAttribute,
} from './test-fixtures.ts';

export const limits = DEFAULT_MIME_LIMITS;
export const text = bufferContent(crlf('Content-Type: text/plain\n\nhello\n'));

export async function signedBy(...signers: readonly SignerInfoParts[]): Promise<Content> {
  const [first, ...others] = signers;
  assert.ok(first !== undefined);
  const certificates = [dsa, dsaRsa, alice].map((who) => who.certificate.der);
  return opaque(signedData(text, [first, ...others], certificates));
}

export async function layersOf(
  inner: Content,
  options: Partial<OpenOptions> = {},
): Promise<readonly Layer[]> {
  return (await open(await messageAround(inner), options)).layers;
}

export async function onlyLayer(
  inner: Content,
  options: Partial<OpenOptions> = {},
): Promise<Layer> {
  const [layer, ...more] = await layersOf(inner, options);
  assert.ok(layer !== undefined && more.length === 0);
  return layer;
}

export async function signedLayer(inner: Content): Promise<SignedLayer> {
  const layer = await onlyLayer(inner);
  assert.ok(layer.kind === 'signed', layer.kind === 'broken' ? layer.reason : layer.kind);
  return layer;
}

export const domainType = typesAttribute(TYPE.domain);
