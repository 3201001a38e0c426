import type { GatewayConfig } from '@sallyport/config';
import { never } from '@sallyport/mail';
import type { GatewayLayout } from '../layout.ts';
import type { ProcessSpec } from '../supervisor.ts';

/** The process that copies heads of the audit log elsewhere; none where no place is named. */
export function shipperSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec | null {
  const { ship, every } = config.audit;
  if (ship.length === 0) return null;
  const outside = ship.flatMap((one) => (one.kind === 'file' ? [one.path] : []));
  const files = ship.flatMap((one) => {
    if (one.kind === 'file') return [];
    return [one.anchorsFile, one.kind === 'https' ? one.tokenFile : undefined];
  });
  return {
    name: 'shipper',
    module: '@sallyport/shipper',
    options: {
      gatewayName: config.gateway.name,
      auditFolder: layout.audit,
      stateFolder: layout.shipper,
      everyMs: every,
      targets: ship.map(targetOf),
    },
    readable: [layout.audit, ...files.filter((file) => file !== undefined)],
    writable: [layout.shipper],
    folders: [layout.audit, layout.shipper],
    outside,
  };
}

function targetOf(target: GatewayConfig['audit']['ship'][number]) {
  switch (target.kind) {
    case 'file':
      return target;
    case 'syslog':
      return { ...target, anchorsFile: target.anchorsFile ?? null };
    case 'https': {
      const { tokenFile = null, anchorsFile = null } = target;
      return { ...target, tokenFile, anchorsFile };
    }
    default:
      return never(target);
  }
}
