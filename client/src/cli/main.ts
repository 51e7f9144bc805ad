#!/usr/bin/env node
/** The package's `wallet`. */
import { runProgram } from './program.ts';

await runProgram({ program: 'wallet' });
