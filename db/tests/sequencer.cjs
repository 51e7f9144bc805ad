/** Files that mostly wait go first: the others fill the time, and nothing is left to wait for at the end. */
const { default: Sequencer } = require('@jest/test-sequencer');

const FIRST =
  /\/(worker|start|drill|promotion|prove|interleavings|subscriptions|reads|rolling_restart|doors)\.test\.ts$/;

module.exports = class extends Sequencer {
  sort(tests) {
    const isLater = ({ path }) => Number(!FIRST.test(path));
    return super.sort(tests).sort((a, b) => isLater(a) - isLater(b));
  }
};
