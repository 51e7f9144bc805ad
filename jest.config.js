// ESM as it is written: `node --experimental-vm-modules node_modules/jest/bin/jest.js`; swc only strips the types.
export default {
  testMatch: [
    '<rootDir>/db/tests/**/*.test.ts',
    '<rootDir>/src/**/*.test.ts',
    '<rootDir>/bench/**/*.test.ts',
    '<rootDir>/client/tests/*.test.ts',
    '<rootDir>/console/tests/*.test.ts',
  ],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/.data/'],
  modulePathIgnorePatterns: ['<rootDir>/.data/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
  },
  globalSetup: './db/tests/global-setup.ts',
  globalTeardown: './db/tests/global-teardown.ts',
  // Only what hangs takes so long: other work on the machine is no failure, nor is a transaction of another file that holds the
  // feed back while it is open.
  testTimeout: 300_000,
  testSequencer: './db/tests/sequencer.cjs',
  maxWorkers: 4,
};
