// The public exports of the package, and nothing else.
export {};
