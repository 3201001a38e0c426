import { testColumn } from './matrix/column-tests.ts';

testColumn('gpgsm', (row) => row.kind !== 'signature');
