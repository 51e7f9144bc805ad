/** Ends a command with its exit code, or with 1 and one line that says why. */
export async function run(command: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await command();
  } catch (error) {
    console.error(error instanceof Error ? error.message || String(error) : String(error));
    process.exitCode = 1;
  }
}
