import { z } from 'zod';
import { pathField } from './fields.ts';

/** A server's or client's own TLS: chain and key. */
export const tlsFilesSchema = z.strictObject({
  certificateFile: pathField.describe('PEM chain that the server shows'),
  keyFile: pathField.describe('PEM private key; readable by its owner alone'),
});
