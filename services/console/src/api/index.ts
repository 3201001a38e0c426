import { accountRoutes } from './accounts.ts';
import { auditRoutes } from './audit.ts';
import { dnsRoutes } from './dns.ts';
import { keyRoutes } from './keys.ts';
import { messagesRoutes } from './messages.ts';
import { nowRoutes } from './now.ts';
import { partnerRoutes } from './partners.ts';
import { policyRoutes } from './policy.ts';
import { queueRoutes } from './queue.ts';
import { reportRoutes } from './reports.ts';
import type { ApiRoute } from './route.ts';
import { simulateRoutes } from './simulate.ts';

/** Every route of the API, by area. */
export const apiRoutes: readonly ApiRoute[] = [
  ...nowRoutes,
  ...messagesRoutes,
  ...queueRoutes,
  ...auditRoutes,
  ...keyRoutes,
  ...dnsRoutes,
  ...reportRoutes,
  ...partnerRoutes,
  ...policyRoutes,
  ...simulateRoutes,
  ...accountRoutes,
];
