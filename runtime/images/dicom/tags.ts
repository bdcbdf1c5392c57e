/**
 * The data elements that are looked at (PS3.6), by keyword. Everything else is walked over and forgotten: a file's other
 * content, names and addresses among it, is never held. The VR is what decoding goes by, since implicit files do not say.
 */
export type ValueRepresentation =
  | 'AS'
  | 'CS'
  | 'DA'
  | 'DS'
  | 'IS'
  | 'LO'
  | 'OW'
  | 'SH'
  | 'SQ'
  | 'UI'
  | 'US'
  | 'OV'
  | 'XS'

/** `XS`: US or SS, as Pixel Representation says. */
export const tags = {
  TransferSyntaxUID: [0x00020010, 'UI'],
  SpecificCharacterSet: [0x00080005, 'CS'],
  ImageType: [0x00080008, 'CS'],
  SOPClassUID: [0x00080016, 'UI'],
  SOPInstanceUID: [0x00080018, 'UI'],
  StudyDate: [0x00080020, 'DA'],
  AccessionNumber: [0x00080050, 'SH'],
  Modality: [0x00080060, 'CS'],
  ConversionType: [0x00080064, 'CS'],
  PresentationIntentType: [0x00080068, 'CS'],
  CodeValue: [0x00080100, 'SH'],
  CodingSchemeDesignator: [0x00080102, 'SH'],
  AnatomicRegionSequence: [0x00082218, 'SQ'],
  PatientID: [0x00100020, 'LO'],
  PatientBirthDate: [0x00100030, 'DA'],
  PatientSex: [0x00100040, 'CS'],
  PatientAge: [0x00101010, 'AS'],
  BodyPartExamined: [0x00180015, 'CS'],
  SliceThickness: [0x00180050, 'DS'],
  ImagerPixelSpacing: [0x00181164, 'DS'],
  PatientPosition: [0x00185100, 'CS'],
  ViewPosition: [0x00185101, 'CS'],
  StudyInstanceUID: [0x0020000d, 'UI'],
  SeriesInstanceUID: [0x0020000e, 'UI'],
  InstanceNumber: [0x00200013, 'IS'],
  PatientOrientation: [0x00200020, 'CS'],
  ImagePositionPatient: [0x00200032, 'DS'],
  ImageOrientationPatient: [0x00200037, 'DS'],
  FrameOfReferenceUID: [0x00200052, 'UI'],
  Laterality: [0x00200060, 'CS'],
  ImageLaterality: [0x00200062, 'CS'],
  FrameContentSequence: [0x00209111, 'SQ'],
  PlanePositionSequence: [0x00209113, 'SQ'],
  PlaneOrientationSequence: [0x00209116, 'SQ'],
  SamplesPerPixel: [0x00280002, 'US'],
  PhotometricInterpretation: [0x00280004, 'CS'],
  PlanarConfiguration: [0x00280006, 'US'],
  NumberOfFrames: [0x00280008, 'IS'],
  Rows: [0x00280010, 'US'],
  Columns: [0x00280011, 'US'],
  PixelSpacing: [0x00280030, 'DS'],
  BitsAllocated: [0x00280100, 'US'],
  BitsStored: [0x00280101, 'US'],
  HighBit: [0x00280102, 'US'],
  PixelRepresentation: [0x00280103, 'US'],
  BurnedInAnnotation: [0x00280301, 'CS'],
  WindowCenter: [0x00281050, 'DS'],
  WindowWidth: [0x00281051, 'DS'],
  RescaleIntercept: [0x00281052, 'DS'],
  RescaleSlope: [0x00281053, 'DS'],
  VOILUTFunction: [0x00281056, 'CS'],
  RedPaletteColorLookupTableDescriptor: [0x00281101, 'XS'],
  GreenPaletteColorLookupTableDescriptor: [0x00281102, 'XS'],
  BluePaletteColorLookupTableDescriptor: [0x00281103, 'XS'],
  RedPaletteColorLookupTableData: [0x00281201, 'OW'],
  GreenPaletteColorLookupTableData: [0x00281202, 'OW'],
  BluePaletteColorLookupTableData: [0x00281203, 'OW'],
  SegmentedRedPaletteColorLookupTableData: [0x00281221, 'OW'],
  SegmentedGreenPaletteColorLookupTableData: [0x00281222, 'OW'],
  SegmentedBluePaletteColorLookupTableData: [0x00281223, 'OW'],
  LossyImageCompression: [0x00282110, 'CS'],
  ModalityLUTSequence: [0x00283000, 'SQ'],
  LUTDescriptor: [0x00283002, 'XS'],
  LUTData: [0x00283006, 'OW'],
  VOILUTSequence: [0x00283010, 'SQ'],
  PixelMeasuresSequence: [0x00289110, 'SQ'],
  FrameVOILUTSequence: [0x00289132, 'SQ'],
  PixelValueTransformationSequence: [0x00289145, 'SQ'],
  PresentationLUTShape: [0x20500020, 'CS'],
  SharedFunctionalGroupsSequence: [0x52009229, 'SQ'],
  PerFrameFunctionalGroupsSequence: [0x52009230, 'SQ'],
  ExtendedOffsetTable: [0x7fe00001, 'OV'],
  ExtendedOffsetTableLengths: [0x7fe00002, 'OV'],
  FloatPixelData: [0x7fe00008, 'OW'],
  DoubleFloatPixelData: [0x7fe00009, 'OW'],
  PixelData: [0x7fe00010, 'OW'],
} as const satisfies Record<string, readonly [tag: number, vr: ValueRepresentation]>

export type Keyword = keyof typeof tags

const byNumber: ReadonlyMap<number, Keyword> = new Map(
  Object.entries(tags).map(([keyword, [tag]]): [number, Keyword] => [tag, keyword as Keyword]),
)

/** The keyword of an element that is looked at; undefined for all others. */
export function keywordOf(tag: number): Keyword | undefined {
  return byNumber.get(tag)
}
