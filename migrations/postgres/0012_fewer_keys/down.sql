ALTER TABLE attempt_bodies ADD FOREIGN KEY (delivery_id, number) REFERENCES attempts (delivery_id, number) ON DELETE CASCADE;
ALTER TABLE attempts ADD FOREIGN KEY (delivery_id) REFERENCES deliveries (id) ON DELETE CASCADE;
