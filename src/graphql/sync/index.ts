import './config.ts';
import './problem.ts';
import './operations.ts';
