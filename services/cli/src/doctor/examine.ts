import { type ConfigFault, loadConfig } from '@sallyport/config';
import { openGatewayConfig } from '../commands/gateway-access.ts';
import { type Report, runChecks } from './check.ts';
import { CHECKS } from './checks.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

/** Looks at the config file and, as far as it can be read, at all that it names. */
export async function examine(what: {
  readonly config: string;
  readonly offline?: boolean;
  readonly now: Date;
}): Promise<readonly Report[]> {
  const { config, offline, now } = what;
  const loaded = await loadConfig(config);
  const faults = loaded.kind === 'ok' ? [] : loaded.faults;
  const own: Report = {
    area: 'config',
    findings:
      faults.length === 0 ? [ok('config', `${config} has no faults.`)] : faults.map(configFinding),
  };
  // A file that is missing keeps nobody from looking at the rest.
  const gateway = await openGatewayConfig(config).catch(() => null);
  if (gateway === null) {
    const sentence = 'Nothing else was looked at: it takes a config that can be read.';
    const rest = warning('rest-not-known', sentence, 'Mend the config, then look again.');
    return [own, { area: 'the rest', findings: [rest] }];
  }
  const checks = CHECKS.filter(({ asksOthers }) => offline !== true || !asksOthers);
  return [own, ...(await runChecks(checks, { ...gateway, now }))];
}

function configFinding({ path, reason }: ConfigFault): Finding {
  const sentence = path === '' ? `${reason}.` : `${path}: ${reason}.`;
  return fault('config', sentence, 'Every field is explained in docs/reference/config.md.');
}
