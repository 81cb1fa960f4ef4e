@_spi(_Unicode) import Swift

/// The text in Unicode's canonical composition (NFC).
func composed(_ utf8: [UInt8]) -> [UInt8] {
    guard utf8.contains(where: { $0 >= 0x80 }) else { return utf8 }
    var scalars = String.UnicodeScalarView()
    scalars.append(contentsOf: String(decoding: utf8, as: UTF8.self)._nfc)
    return Array(String(scalars).utf8)
}

/// The text in Unicode's canonical decomposition (NFD).
func decomposed(_ utf8: [UInt8]) -> [UInt8] {
    guard utf8.contains(where: { $0 >= 0x80 }) else { return utf8 }
    var scalars = String.UnicodeScalarView()
    scalars.append(contentsOf: String(decoding: utf8, as: UTF8.self)._nfd)
    return Array(String(scalars).utf8)
}
