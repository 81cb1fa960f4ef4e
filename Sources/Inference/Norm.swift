import Architectures
import CKernels

/// A normalisation of activations, row by row.
public struct Norm {
    package let kind: BlockDesign.Norm
    /// What the normalised input is multiplied with: with an offset 1 + w.
    package let weight: [Float]
    /// Zeros where the checkpoint has none.
    package let bias: [Float]
    package let epsilon: Float
    /// How many rows of weights there are, which rows of activations take in turns: one for each head where heads have weights of their own.
    package var heads = 1

    /// Of a row.
    package var width: Int { weight.count / heads }

    /// output [tokens, width] ← norm of input; they may be the same.
    package func apply(_ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, tokens: Int) {
        eachRun(tokens) { weight, bias, start, count in
            let (input, output) = (input + start * width, output + start * width)
            switch kind {
            case .rootMeanSquare, .rootMeanSquareOffset: caplet_rms_norm(input, weight, epsilon, output, count, width)
            case .layer, .layerWithoutBias, .layerOffset, .layerWithoutWeight:
                caplet_layer_norm(input, weight, bias, epsilon, output, count, width)
            }
        }
    }

    /// Calls `body` with a row of weights and one of biases for each run of rows that take them: all rows, or one after the other.
    package func eachRun(
        _ tokens: Int, _ body: (_ weight: UnsafePointer<Float>, _ bias: UnsafePointer<Float>, _ start: Int, _ count: Int) -> Void
    ) {
        weight.withUnsafeBufferPointer { weight in
            bias.withUnsafeBufferPointer { bias in
                guard let weight = weight.baseAddress, let bias = bias.baseAddress else { return }
                if heads == 1 { return body(weight, bias, 0, tokens) }
                for row in 0..<tokens {
                    let place = row % heads * width
                    body(weight + place, bias + place, row, 1)
                }
            }
        }
    }
}
