"""Records of other systems, whose answers are codes: Phenopackets and FHIR."""
