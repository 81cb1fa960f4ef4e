import Architectures
import CKernels
import Inference

extension Classifier {
    /// How far logits are from others: the Kullback–Leibler divergence in nats of the classes' probabilities; of numbers, and of classes that do
    /// not exclude each other, the squared distance.
    package func divergence(_ logits: [Float], from reference: [Float]) -> Double {
        var spoilt = logits
        return divergence(&spoilt, from: reference, scale: 1)
    }

    /// The same, and `logits` becomes its gradient times `scale`.
    private func divergence(_ logits: inout [Float], from reference: [Float], scale: Float) -> Double {
        if isCategorical { return caplet_divergence_row(reference, &logits, scale, reference.count) }
        var sum = 0.0
        for i in logits.indices {
            let off = logits[i] - reference[i]
            sum += Double(off) * Double(off)
            logits[i] = 2 * scale * off
        }
        return sum
    }

    /// How far the outputs for a text are from those that other hidden states of it give, and the gradient of that, times `scale`, added to that
    /// of the hidden states [tokens, hidden].
    func divergence(_ hidden: [Float], from reference: [Float], scale: Float, addingTo gradient: inout [Float]) -> Double {
        let found = run(hidden)
        var logitGradient = found.logits
        let value = divergence(&logitGradient, from: run(reference).logits, scale: scale)
        backward(found, logitGradient, tokens: hidden.count / transform.inputSize, addingTo: &gradient)
        return value
    }

    private func backward(_ run: Run, _ logitGradient: [Float], tokens: Int, addingTo gradient: inout [Float]) {
        let width = transform.inputSize
        var inner = [Float](repeating: 0, count: width)
        weight.applyTransposed(to: logitGradient, tokens: 1, into: &inner)
        if let norm {
            var before = [Float](repeating: 0, count: width)
            norm.backward(run.activated, outputGradient: inner, addingTo: &before, tokens: 1)
            inner = before
        }
        switch activation {
        case .tanh: for i in inner.indices { inner[i] *= 1 - run.activated[i] * run.activated[i] }
        case .layer(let kind): caplet_activation_backward(kind.kernel, run.raw, &inner, width)
        }
        var read = [Float](repeating: 0, count: width)
        transform.applyTransposed(to: inner, tokens: 1, into: &read)
        guard averages else {
            for i in 0..<width { gradient[i] += read[i] }
            return
        }
        for place in gradient.indices { gradient[place] += read[place % width] / Float(tokens) }
    }
}
