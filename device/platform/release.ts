/** The release of everything in this house; packages state the range they are made for. Equal to package.json, which a test holds. */
export const RELEASE = '0.1.0'
