import Glibc

/// Puts floats into a file as they are in memory.
func write(_ floats: [Float], to path: String) throws {
    guard let file = fopen(path, "wb") else { throw WorkError("\(path): cannot be opened for writing") }
    defer { fclose(file) }
    guard fwrite(floats, MemoryLayout<Float>.stride, floats.count, file) == floats.count else {
        throw WorkError("\(path): cannot be written")
    }
}

/// 32-bit token ids of a file that holds nothing else, in sequences of `length`.
func tokens(at path: String, length: Int) throws -> [[Int32]] {
    guard length > 0, let file = fopen(path, "rb") else { throw WorkError("\(path): cannot be opened") }
    defer { fclose(file) }
    var sequences: [[Int32]] = []
    while true {
        var sequence = [Int32](repeating: 0, count: length)
        guard fread(&sequence, MemoryLayout<Int32>.stride, length, file) == length else { return sequences }
        sequences.append(sequence)
    }
}
