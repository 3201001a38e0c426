import { join } from 'node:path';
import type { GatewayLayout } from '../layout.ts';

export function spoolFolders(layout: GatewayLayout, ...names: string[]): string[] {
  return names.map((name) => join(layout.spool, name));
}
