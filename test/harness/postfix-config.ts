import { sep } from 'node:path';

const COMMON_SERVICES = `cleanup unix n - n - 0 cleanup
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd`;

/** Where the programs of Postfix lie that nobody calls by hand. */
export const POSTFIX_DAEMONS = '/usr/lib/postfix/sbin';

/** main.cf of a Postfix in a folder of its own, on loopback, without DNS. */
export function postfixMain(
  name: string,
  folder: string,
  more: Readonly<Record<string, string>>,
): string {
  const lines = {
    compatibility_level: '3.6',
    queue_directory: `${folder}/spool`,
    data_directory: `${folder}/data`,
    command_directory: '/usr/sbin',
    daemon_directory: POSTFIX_DAEMONS,
    mail_owner: 'postfix',
    setgid_group: 'postdrop',
    myhostname: name,
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    maillog_file: `${folder}/log`,
    maillog_file_prefixes: `${sep}${folder.split(sep)[1] ?? 'tmp'}`,
    mydestination: '',
    mynetworks: '127.0.0.0/8',
    alias_maps: '',
    smtpd_relay_restrictions: 'permit_mynetworks reject',
    disable_dns_lookups: 'yes',
    smtp_host_lookup: 'native',
    ...more,
  };
  return Object.entries(lines)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');
}

/** master.cf: what every Postfix runs, and these services. */
export function postfixMaster(services: readonly string[]): string {
  return `${[...services, COMMON_SERVICES].join('\n')}\n`;
}
