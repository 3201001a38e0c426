import { testColumn } from './matrix/column-tests.ts';

testColumn('nss');
