import type { GatewayConfig } from '@sallyport/config';
import { layoutOf } from './layout.ts';
import { consoleSpec } from './specs/console.ts';
import { directorySpec } from './specs/directory.ts';
import { egressSpec } from './specs/egress.ts';
import { ingressSpec } from './specs/ingress.ts';
import { keyholderSpec } from './specs/keyholder.ts';
import { healthSocketOf, monitorSpec } from './specs/monitor.ts';
import { recorderSpec } from './specs/recorder.ts';
import { shipperSpec } from './specs/shipper.ts';
import { adviseSpec } from './specs/worker-advise.ts';
import { inwardSpec } from './specs/worker-inward.ts';
import { outwardSpec } from './specs/worker-outward.ts';
import type { ProcessSpec } from './supervisor.ts';

/** The processes of one gateway, in the order in which they start. */
export const ROLES = [
  'recorder',
  'keyholder',
  'worker-outward',
  'worker-inward',
  'worker-advise',
  'egress',
  'directory',
  'shipper',
  'console',
  'monitor',
  'ingress',
] as const;
export type Role = (typeof ROLES)[number];

/** What each process of a gateway gets to know and to touch (design, section 2). */
export function processSpecs(config: GatewayConfig, roles: readonly Role[]): ProcessSpec[] {
  const layout = layoutOf(config.gateway, config.keys);
  // Made for those that are wanted only: a spec may read files that its own user alone can.
  const specs: Record<Role, () => ProcessSpec | null> = {
    recorder: () => recorderSpec(config, layout),
    keyholder: () => keyholderSpec(config, layout),
    'worker-outward': () => outwardSpec(config, layout),
    'worker-inward': () => inwardSpec(config, layout),
    'worker-advise': () => adviseSpec(config, layout),
    egress: () => egressSpec(config, layout),
    directory: () => directorySpec(config, layout),
    shipper: () => shipperSpec(config, layout),
    console: () => consoleSpec(config, layout),
    monitor: () => monitorSpec(config, layout),
    ingress: () => ingressSpec(config, layout),
  };
  return ROLES.filter((role) => roles.includes(role)).flatMap((role) => {
    const spec = specs[role]();
    return spec === null ? [] : [withHealth(spec, healthSocketOf(layout, role))];
  });
}

/** Every process tells how it is, on a socket of its own. */
function withHealth(spec: ProcessSpec, healthSocket: string): ProcessSpec {
  return {
    ...spec,
    options: { ...spec.options, healthSocket },
    writable: [...spec.writable, healthSocket],
  };
}
