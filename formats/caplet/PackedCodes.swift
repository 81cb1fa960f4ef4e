/// Codes of a small range, as many a byte as fit: digits of a number in base `radix`, the first code the lowest digit.
///
/// zstd's Huffman codes spend at least a bit, and a whole number of bits, on a byte; with two to eight codes in the byte that
/// loss is shared. A code c is the digit (c − low) mod 256. With `escapes` the digit radix − 1 stands for any other code, and
/// the codes it stands for follow the digits of the chunk, one byte each, in order.
struct PackedCodes: ChunkCoding, Equatable {
    let low: UInt8
    /// 2 … 16.
    let radix: Int
    let escapes: Bool

    var framesPerChunk: Int { 1 }

    /// The most digits whose number fits in a byte: 8 in base 2, 5 in base 3, 4 in base 4, 3 up to base 6, 2 up to base 16.
    var digitsPerByte: Int {
        switch radix {
        case 2: return 8
        case 3: return 5
        case 4: return 4
        case 5, 6: return 3
        default: return 2
        }
    }

    private func digitByteCount(_ codes: Int) -> Int { codes / digitsPerByte + (codes % digitsPerByte == 0 ? 0 : 1) }

    func frameContent(ofChunk byteCount: Int) -> ClosedRange<Int> {
        let digits = digitByteCount(byteCount)
        return digits...(escapes ? digits + byteCount : digits)
    }

    func encode(_ chunk: UnsafeRawBufferPointer) -> [[UInt8]] {
        let plain = escapes ? radix - 1 : radix
        let digitOf = (0..<256).map { UInt8(min(Int(UInt8($0) &- low), plain)) }
        let count = digitByteCount(chunk.count)
        var escaped: [UInt8] = []
        var content = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            for index in 0..<count {
                var number = 0
                let start = index * digitsPerByte
                for position in (start..<min(start + digitsPerByte, chunk.count)).reversed() {
                    number = number &* radix &+ Int(digitOf[Int(chunk[position])])
                }
                buffer[index] = UInt8(truncatingIfNeeded: number)
            }
            initialized = count
        }
        if escapes { escaped = chunk.filter { Int($0 &- low) >= plain } }
        content += escaped
        return [content]
    }

    func decode(_ contents: [UnsafeRawBufferPointer], into chunk: UnsafeMutableRawBufferPointer) throws {
        let content = contents[0]
        let count = digitByteCount(chunk.count)
        guard content.count >= count else { throw CodingFailure(description: "has \(content.count) bytes for \(chunk.count) codes") }
        let plain = escapes ? radix - 1 : radix
        var next = count
        for index in 0..<count {
            var number = Int(content[index])
            let start = index * digitsPerByte
            for position in start..<min(start + digitsPerByte, chunk.count) {
                let digit = number % radix
                number /= radix
                if digit < plain {
                    chunk[position] = low &+ UInt8(truncatingIfNeeded: digit)
                } else {
                    guard next < content.count else { throw CodingFailure(description: "has fewer escaped codes than escapes") }
                    guard Int(content[next] &- low) >= plain else { throw CodingFailure(description: "escapes a code that has a digit") }
                    chunk[position] = content[next]
                    next += 1
                }
            }
            guard number == 0 else { throw CodingFailure(description: "byte \(index) is no number of base \(radix)") }
        }
        guard next == content.count else { throw CodingFailure(description: "has \(content.count - next) bytes after its codes") }
    }
}
